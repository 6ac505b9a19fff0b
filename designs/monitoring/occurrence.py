"""What Sentry is told of an occurrence that passes the gate, made of its record."""

from __future__ import annotations

from designs.conf import conf
from designs.monitoring.event import MAX_MESSAGE_CHARS, ErrorEvent
from designs.monitoring.fingerprint import Fingerprint
from designs.monitoring.outline import outline_of
from designs.monitoring.safe import raw_text
from designs.monitoring.store import Outcome
from integrations.sentry import Occurrence

__all__ = ["occurrence_of", "short_text_of"]


def occurrence_of(
    exc: BaseException | None, event: ErrorEvent, fingerprint: Fingerprint, outcome: Outcome
) -> Occurrence:
    return Occurrence(
        event.as_dict(),
        fingerprint.key,
        fingerprint.site,
        outcome.occurrences,
        outcome.represents,
        outcome.first_seen,
        conf.window_seconds,
        _code_of(exc),
    )


def short_text_of(exc: BaseException | None, event: ErrorEvent) -> str | None:
    """Return what the record says in place of an exception's own text, if asking for that would take long."""
    text = event.error_message
    if exc is None:
        return None
    if len(text) > MAX_MESSAGE_CHARS:
        # No longer than what Sentry is sent, or it is cut again and tells of the length of this.
        note = text[text.rfind("... [") :]
        return f"{text[: MAX_MESSAGE_CHARS - len(note)]}{note}"
    return text if outline_of(exc) is not None else None


def _code_of(exc: BaseException | None) -> str:
    try:
        return raw_text(getattr(exc, "default_code", "") or "")
    except Exception:  # noqa: BLE001 - attributes of exceptions may be code
        return ""
