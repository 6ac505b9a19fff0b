"""The words that the program states as facts of a failure: stages, reasons, codes, signals. Pure.

Reports of controlled designs keep a stated word only if it stands here. Any other may be a part's name.
"""

from __future__ import annotations

import signal

__all__ = ["STATED_WORDS", "is_word"]

_STAGES = "sniff scan read transfer props bom geometry units host step upload process hard soft"
_REASONS = """
after_end box_range columns contradiction counts cycle damage depth dimension directory duplicate_identifier empty
extension factor_kind factor_range foreign_content global host_gone identifier_length iges_checks iges_variant
implausible invalid_geometry kernel_errors kernel_exception kernel_not_installed kind_mismatch lost_solids memory_limit
missing no_begin no_content no_context no_data no_extent no_geometry no_length_unit no_product no_products no_record
no_result no_schema no_section no_volume not_regular nul nul_in_name os_error outside_section pieces prefix range
sandbox schema section_order sequence string_length syntax too_many_pieces truncated unbalanced undefined unit_name
unknown_content unknown_unit unreadable unterminated_comment unterminated_string value wrong_kind wrong_target
"""
_CODES = """
authentication_failed bad_request bom_extraction_error clearance_level_insufficient corrupted_file design_not_ready
duplicate_part_number enginel_error error external_service_error file_size_exceeded file_validation_error
geometry_processing_error insufficient_permissions invalid invalid_file_format itar_violation method_not_allowed
not_acceptable not_authenticated not_found organization_limit_exceeded parse_error permission_denied
storage_quota_exceeded task_timeout throttled unit_conversion_error unsupported_media_type user_limit_exceeded
"""
_OUTCOMES = "done failed signal timeout ready queued processing uploaded"
# How Sentry's SDK calls the places where it catches exceptions.
_MECHANISMS = "asgi atexit celery chained django excepthook generic logging stdlib threading unraisablehook wsgi"
_SECTIONS = "HEADER ANCHOR REFERENCE DATA S G D P T"
_METHODS = "GET HEAD POST PUT PATCH DELETE OPTIONS"

STATED_WORDS = frozenset(
    {
        *f"{_STAGES} {_REASONS} {_CODES} {_OUTCOMES} {_MECHANISMS} {_SECTIONS} {_METHODS}".split(),
        *(one.name for one in signal.Signals),
    }
)


def is_word(text: str) -> bool:
    """Return whether a text is a word that the program states."""
    return text in STATED_WORDS
