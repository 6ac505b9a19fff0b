"""Marks on exceptions that have been recorded, so that the next hook knows the occurrence.

A mark lies on the exception object as plain text values: it survives pickling to a Celery main process. An exception
raised explicitly ``from`` a recorded one tells the same failure in other words, so it shares the mark; so does one that
is raised ``from None`` where a recorded one is handled. One raised while another is merely being handled
(``__context__``) is a failure of its own.
"""

from __future__ import annotations

from typing import NotRequired, TypedDict, cast

from designs.monitoring.untrusted.exceptions import attributes_of, is_exception, retold_by

__all__ = ["Mark", "mark_as_logged", "mark_of", "set_mark"]

_ATTRIBUTE = "__enginel__"
_MAX_CAUSES = 10


class Mark(TypedDict):
    event_id: str
    fingerprint: str
    occurrences: int
    request_id: str
    logged: NotRequired[bool]
    """The failure has its log line."""


def mark_of(error: object, request_id: str = "") -> Mark | None:
    """Return the mark of an exception that was recorded before, itself or as what it was raised from.

    An exception object that is kept and raised again in another request is another failure.
    """
    mark = _nearest_mark(error)
    if mark is None or (request_id and mark["request_id"] and mark["request_id"] != request_id):
        return None
    return mark


def _nearest_mark(error: object) -> Mark | None:
    for _ in range(_MAX_CAUSES):
        if not is_exception(error):
            return None
        # Its dictionary may be of a class with a `get` of its own.
        mark = dict.get(attributes_of(error), _ATTRIBUTE)
        if mark is not None:
            return cast("Mark", mark) if isinstance(mark, dict) else None
        error = retold_by(error)
    return None


def set_mark(exc: BaseException, *, event_id: str, fingerprint: str, occurrences: int, request_id: str = "") -> None:
    """Mark an exception as recorded, past any ``__setattr__`` of its class."""
    mark: Mark = {
        "event_id": event_id,
        "fingerprint": fingerprint,
        "occurrences": occurrences,
        "request_id": request_id,
    }
    dict.__setitem__(attributes_of(exc), _ATTRIBUTE, mark)


def mark_as_logged(exc: BaseException) -> None:
    """Note on a marked exception that its failure has a log line."""
    mark = dict.get(attributes_of(exc), _ATTRIBUTE)
    if isinstance(mark, dict):
        mark["logged"] = True
