"""Marks on recorded exceptions, so that the next hook recognizes the occurrence.

A mark is stored on the exception object as plain values, so it survives pickling to a Celery main process. An exception
raised explicitly ``from`` a recorded one reports the same failure, so it shares the mark. So does one raised ``from
None`` while a recorded one is handled. An exception that is merely raised while another is handled (``__context__``) is
a separate failure.
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
    """The failure already has its log line."""


def mark_of(error: object, request_id: str = "") -> Mark | None:
    """Return the mark of an exception if it, or an exception that it replaces, was recorded before.

    An exception object that is kept and raised again in another request is a new failure.
    """
    mark = _nearest_mark(error)
    if mark is None or (request_id and mark["request_id"] and mark["request_id"] != request_id):
        return None
    return mark


def _nearest_mark(error: object) -> Mark | None:
    for _ in range(_MAX_CAUSES):
        if not is_exception(error):
            return None
        # The instance dictionary may be of a class that overrides `get`.
        mark = dict.get(attributes_of(error), _ATTRIBUTE)
        if mark is not None:
            return cast("Mark", mark) if isinstance(mark, dict) else None
        error = retold_by(error)
    return None


def set_mark(exc: BaseException, *, event_id: str, fingerprint: str, occurrences: int, request_id: str = "") -> None:
    """Mark an exception as recorded, without calling a ``__setattr__`` of its class."""
    mark: Mark = {
        "event_id": event_id,
        "fingerprint": fingerprint,
        "occurrences": occurrences,
        "request_id": request_id,
    }
    dict.__setitem__(attributes_of(exc), _ATTRIBUTE, mark)


def mark_as_logged(exc: BaseException) -> None:
    """Record on a marked exception that its failure has a log line."""
    mark = dict.get(attributes_of(exc), _ATTRIBUTE)
    if isinstance(mark, dict):
        mark["logged"] = True
