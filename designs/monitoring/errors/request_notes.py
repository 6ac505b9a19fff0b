"""Notes on a request object about the failures recorded while it is served.

They are stored on the request object: every thread, coroutine and eager task that serves the request finds the same
notes, and they are freed with the request. A map by request id would fail: clients choose the ids, and may repeat one.
"""

from __future__ import annotations

from typing import Any

from designs import context as run_context
from designs.monitoring.errors.recorded_marker import mark_of

__all__ = ["RequestNotes", "note", "notes_of", "was_logged"]

_ATTRIBUTE = "enginel_notes"
_SERVER_ERROR = 500
_EXPLAINING = frozenset({"ERROR", "CRITICAL"})


class RequestNotes:
    """Notes of one request.

    Attributes:
        failure_id: Record id of the latest failure of severity ERROR or above; empty if there is none.
        logged: Ids of the records that have a log line.
    """

    __slots__ = ("failure_id", "logged")

    def __init__(self) -> None:
        self.failure_id = ""
        self.logged: set[str] = set()


def note(event_id: str, severity: str, *, is_logged: bool) -> None:
    """Add a recorded failure to the notes of the current request, if there is one."""
    facts = getattr(run_context.current_request(), "__dict__", None)
    if facts is None:
        return
    notes: RequestNotes = facts.setdefault(_ATTRIBUTE, RequestNotes())
    if severity in _EXPLAINING:
        notes.failure_id = event_id
    if is_logged:
        notes.logged.add(event_id)


def notes_of(request: object) -> RequestNotes | None:
    """Return the notes of a request; None if no failure was recorded in it."""
    found: Any = getattr(request, "__dict__", {}).get(_ATTRIBUTE)
    return found if isinstance(found, RequestNotes) else None


def was_logged(error: object, request: object = None, status: object = 0) -> bool:
    """Return whether a failure already has its log line.

    Args:
        error: The exception, or None if only the response is known.
        request: The failed request, if there is one.
        status: Status code of its response.
    """
    mark = mark_of(error)
    if mark is not None:
        return mark.get("logged", False)
    notes = notes_of(request)
    if error is not None or notes is None or not isinstance(status, int):
        return False
    # The record that the response names; else, for a response from 500 on, the record that explains it.
    event_id = getattr(request, "enginel_error_id", None) or (notes.failure_id if status >= _SERVER_ERROR else "")
    return event_id in notes.logged
