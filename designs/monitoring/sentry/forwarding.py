"""Forwarding of occurrences that pass the gate to Sentry."""

from __future__ import annotations

from designs.monitoring.errors.event import ErrorEvent
from designs.monitoring.errors.record_result import RecordResult
from designs.monitoring.fingerprint import Fingerprint
from designs.monitoring.sentry.occurrence import inert_text_of, occurrence_of, short_text_of
from integrations.sentry import forward_error

__all__ = ["forward_occurrence"]


def forward_occurrence(
    exc: BaseException | None, event: ErrorEvent, fingerprint: Fingerprint, result: RecordResult
) -> None:
    """Send one recorded occurrence to Sentry, with the exact counts of its group."""
    forward_error(exc, occurrence_of(exc, event, fingerprint, result), short_text_of(exc, event), inert_text_of)
