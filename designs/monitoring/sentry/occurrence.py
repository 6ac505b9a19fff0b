"""Description of an occurrence that passes the gate, built for Sentry from its record."""

from __future__ import annotations

from designs.conf import conf
from designs.monitoring.controlled.stated_words import is_word
from designs.monitoring.errors.event import MAX_MESSAGE_CHARS, ErrorEvent
from designs.monitoring.errors.failure_reasons import words_of
from designs.monitoring.errors.record_result import RecordResult
from designs.monitoring.fingerprint import Fingerprint
from designs.monitoring.redaction import redacted_str
from designs.monitoring.untrusted.object_text import attribute_of, needs_io
from designs.monitoring.untrusted.preview import outline_of
from designs.monitoring.untrusted.text import raw_text
from designs.monitoring.withheld import is_withheld, own_words
from integrations.sentry import Occurrence

__all__ = ["inert_text_of", "occurrence_of", "short_text_of"]


def occurrence_of(
    exc: BaseException | None, event: ErrorEvent, fingerprint: Fingerprint, result: RecordResult
) -> Occurrence:
    """Return the description of an occurrence for `integrations.sentry`."""
    return Occurrence(
        event.as_dict(),
        fingerprint.key,
        fingerprint.site,
        result.occurrences,
        result.represents,
        result.first_seen,
        conf.window_seconds,
        _code_of(exc),
        words_of(exc, is_withheld(exc)),
    )


def short_text_of(exc: BaseException | None, event: ErrorEvent) -> str | None:
    """Return the record's message to replace an exception's own text, if that is slow, withheld or needs I/O.

    None if the exception's own text can be used.
    """
    text = event.error_message
    if exc is None:
        return None
    if len(text) > MAX_MESSAGE_CHARS:
        # Cut to Sentry's limit here. Otherwise Sentry cuts again, and its note states the length of the cut text.
        note = text[text.rfind("... [") :]
        return f"{text[: MAX_MESSAGE_CHARS - len(note)]}{note}"
    return text if is_withheld(exc) or outline_of(exc) is not None or needs_io(exc) else None


def inert_text_of(exc: BaseException) -> str | None:
    """Return a safe text for an exception whose own text needs I/O or may hold file content; None for any other."""
    if is_withheld(exc):
        return redacted_str(own_words(exc), MAX_MESSAGE_CHARS)
    return redacted_str(exc, MAX_MESSAGE_CHARS) if needs_io(exc) else None


def _code_of(exc: BaseException | None) -> str:
    code = attribute_of(exc, "default_code")
    text = "" if code is None else raw_text(code)
    return "" if is_withheld(exc) and not is_word(text) else text
