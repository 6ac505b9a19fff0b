"""Recording of 5xx responses without an exception: one group for each route and status."""

from __future__ import annotations

from designs import context as run_context
from designs.monitoring.errors.event import MAX_FIELD_CHARS, build_event
from designs.monitoring.errors.recorder import record_new
from designs.monitoring.errors.request_notes import notes_of
from designs.monitoring.fingerprint import fingerprint_answer
from designs.monitoring.untrusted.text import clean_text
from designs.monitoring.withheld import OwnWords

__all__ = ["record_answer"]


def record_answer(request: object, *, method: str, route: str, status: int, reason: str) -> str:
    """Record a 5xx response that has no exception, unless its request already recorded a failure.

    A recorded failure explains the response if its severity is ERROR or above. The method is not part of the group:
    a defect behind a route mostly affects all of its methods.

    Args:
        request: The request, as `designs.context.current_request` returns it.
        method: Its method.
        route: URL pattern, never the path: the number of patterns is small.
        status: Status code.
        reason: Reason phrase.

    Returns:
        Id of the failure's record; empty if recording failed.
    """
    notes = notes_of(request)
    if notes is not None and notes.failure_id:
        return notes.failure_id
    route = clean_text(route, MAX_FIELD_CHARS)
    message = f"{method} {route} answered {status} without an exception"
    event = build_event(
        OwnWords(message),
        run_context.current(),
        context={"status": status, "reason": reason, "route": route},
        source="http",
    )
    record = record_new(message, event, "", fingerprint=fingerprint_answer(route, status))
    return str(record.get("event_id", ""))
