"""Exceptions that stand in for those the SDK would take long to read: it asks for the whole text, and every member."""

from __future__ import annotations

from contextlib import suppress
from types import TracebackType

__all__ = ["light"]

MAX_MEMBERS = 20
"""Of a group; the event keeps no more exceptions."""

_READ_BY_SDK = ("__notes__", "errno")


class _Told(Exception):
    """What another exception says, in short."""


def light(exc: BaseException, text: str | None) -> tuple[type[BaseException], BaseException, TracebackType | None]:
    """Return type, exception and traceback for the SDK: the exception's own, but for what would take long.

    Args:
        exc: The exception.
        text: What it says, where asking it would take long.
    """
    # A group's own text is short, and its members must be found by the SDK.
    if isinstance(exc, BaseExceptionGroup):
        if len(exc.exceptions) <= MAX_MEMBERS:
            return type(exc), exc, exc.__traceback__
        text = f"{exc.message} ({len(exc.exceptions)} sub-exceptions)"
        stand_in: BaseException = BaseExceptionGroup(text, exc.exceptions[:MAX_MEMBERS])
    elif text is None:
        return type(exc), exc, exc.__traceback__
    else:
        stand_in = _Told(text)
    stand_in.__cause__, stand_in.__context__ = exc.__cause__, exc.__context__
    stand_in.__suppress_context__ = exc.__suppress_context__
    # Attributes of exceptions may be code; without them the event still tells what and where.
    with suppress(Exception):
        for name in _READ_BY_SDK:
            if hasattr(exc, name):
                setattr(stand_in, name, getattr(exc, name))
    return type(exc), stand_in.with_traceback(exc.__traceback__), exc.__traceback__
