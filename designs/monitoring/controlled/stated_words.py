"""Words that the program itself uses as facts of a failure: stages, reasons, codes, signals. Pure.

Reports of controlled designs keep such a word only if it is listed here. Any other may be the name of a part.
"""

from __future__ import annotations

import signal
from collections.abc import Iterable

__all__ = ["is_word", "state_words"]

_STAGES = "sniff scan read transfer props bom geometry units host step upload process hard soft"
_CODES = """
authentication_failed bad_request bom_extraction_error clearance_level_insufficient corrupted_file design_not_ready
duplicate_part_number enginel_error error external_service_error file_size_exceeded file_validation_error
geometry_processing_error insufficient_permissions invalid invalid_file_format itar_violation method_not_allowed
not_acceptable not_authenticated not_found organization_limit_exceeded parse_error permission_denied
storage_quota_exceeded task_timeout throttled unit_conversion_error unsupported_media_type user_limit_exceeded
"""
_OUTCOMES = "done failed signal timeout ready queued processing uploaded"
# The names of the mechanisms by which Sentry's SDK catches exceptions.
_MECHANISMS = "asgi atexit celery chained django excepthook generic logging stdlib threading unraisablehook wsgi"
_SECTIONS = "HEADER ANCHOR REFERENCE DATA S G D P T"
_METHODS = "GET HEAD POST PUT PATCH DELETE OPTIONS"

_stated = {
    *f"{_STAGES} {_CODES} {_OUTCOMES} {_MECHANISMS} {_SECTIONS} {_METHODS} os_error".split(),
    *(one.name for one in signal.Signals),
}


def state_words(words: Iterable[str]) -> None:
    """Add words that the program uses, such as the reasons of a closed list."""
    _stated.update(words)


def is_word(text: str) -> bool:
    """Return whether a text is a listed word."""
    return text in _stated
