"""What a request remembers of the failures recorded in it.

The notes lie on the request object: every thread, coroutine and eager task that serves the request finds the same
ones, and they go when the request goes. An id would not do: clients choose request ids, and may choose one twice.
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
        failure_id: Record of the latest failure of severity ERROR or above; empty where there was none.
        logged: Ids of the records that have a log line.
    """

    __slots__ = ("failure_id", "logged")

    def __init__(self) -> None:
        self.failure_id = ""
        self.logged: set[str] = set()


def note(event_id: str, severity: str, *, is_logged: bool) -> None:
    """Remember a recorded failure on the request that is being served, if there is one."""
    facts = getattr(run_context.current_request(), "__dict__", None)
    if facts is None:
        return
    notes: RequestNotes = facts.setdefault(_ATTRIBUTE, RequestNotes())
    if severity in _EXPLAINING:
        notes.failure_id = event_id
    if is_logged:
        notes.logged.add(event_id)


def notes_of(request: object) -> RequestNotes | None:
    """Return the notes of a request, None where nothing was recorded in it."""
    found: Any = getattr(request, "__dict__", {}).get(_ATTRIBUTE)
    return found if isinstance(found, RequestNotes) else None


def was_logged(error: object, request: object = None, status: object = 0) -> bool:
    """Return whether a failure has its log line already.

    Args:
        error: The exception, or None where only the response is known.
        request: The request that failed, where it is one.
        status: Status code of its response.
    """
    mark = mark_of(error)
    if mark is not None:
        return mark.get("logged", False)
    notes = notes_of(request)
    if error is not None or notes is None or not isinstance(status, int):
        return False
    # The record that the response names; else, for a response that is a failure by itself, the one that explains it.
    event_id = getattr(request, "enginel_error_id", None) or (notes.failure_id if status >= _SERVER_ERROR else "")
    return event_id in notes.logged
