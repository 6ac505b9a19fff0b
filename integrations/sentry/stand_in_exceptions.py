"""Light stand-ins for exceptions with long texts or many members: the SDK would read all of them."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

__all__ = ["TextOf", "light", "text_of_stand_in"]

MAX_MEMBERS = 20
"""Members kept of an exception group; an event keeps no more exceptions."""

_MAX_LINKS = 50
_attributes_of: Callable[[BaseException], dict[str, object]] = vars(BaseException)["__dict__"].__get__
_errno_of: Callable[[BaseException], object] = vars(OSError)["errno"].__get__

TextOf = Callable[[BaseException], str | None]
"""Returns the text of an exception whose ``str()`` must not be called; None for any other."""


class _StandIn(Exception):
    """Carries a short text in place of another exception."""


def text_of_stand_in(exc: BaseException) -> str | None:
    """Return the text of an exception that stands in for another; None for any other."""
    return str(exc.args[0]) if isinstance(exc, _StandIn) and exc.args else None


def light(
    exc: BaseException, text: str | None, text_of: TextOf | None = None
) -> tuple[type[BaseException], BaseException, TracebackType | None]:
    """Return type, exception and traceback for the SDK, with stand-ins for exceptions that it must not read.

    Args:
        exc: The exception.
        text: Text to use instead of ``str(exc)``, where that would be slow or do input or output.
        text_of: The same for chained exceptions and for members of groups.
    """
    if text_of is not None and _any_needs_stand_in(exc, text_of):
        return type(exc), _rebuilt(exc, lambda link: text if link is exc else text_of(link), {}), exc.__traceback__
    # A group's own text is short, and the SDK must find its members.
    if isinstance(exc, BaseExceptionGroup):
        if len(exc.exceptions) <= MAX_MEMBERS:
            return type(exc), exc, exc.__traceback__
        stand_in: BaseException = _group(exc, exc.exceptions[:MAX_MEMBERS])
    elif text is None:
        return type(exc), exc, exc.__traceback__
    else:
        stand_in = _StandIn(text)
    stand_in.__cause__, stand_in.__context__ = exc.__cause__, exc.__context__
    return type(exc), _with_details_of(stand_in, exc), exc.__traceback__


def _group(exc: BaseExceptionGroup[BaseException], members: tuple[BaseException, ...]) -> BaseException:
    more = len(exc.exceptions) > len(members)
    text = f"{exc.message} ({len(exc.exceptions)} sub-exceptions)" if more else exc.message
    return BaseExceptionGroup(text, members)


def _with_details_of(stand_in: BaseException, exc: BaseException) -> BaseException:
    stand_in.__suppress_context__ = exc.__suppress_context__
    # Stored attributes only: other attributes of exceptions may run code.
    notes = dict.get(_attributes_of(exc), "__notes__")
    if type(notes) is list:
        vars(stand_in)["__notes__"] = [note for note in notes if type(note) is str]
    if issubclass(type(exc), OSError):
        vars(stand_in)["errno"] = _errno_of(exc)
    return stand_in.with_traceback(exc.__traceback__)


def _any_needs_stand_in(exc: BaseException, text_of: TextOf) -> bool:
    """Return whether ``str()`` must not be called on a chained exception or a member of a group."""
    waiting, seen = [exc], set[int]()
    while waiting and len(seen) < _MAX_LINKS:
        link = waiting.pop()
        if id(link) in seen:
            continue
        seen.add(id(link))
        if link is not exc and text_of(link) is not None:
            return True
        waiting += [previous for previous in (link.__cause__, link.__context__) if previous is not None]
        if isinstance(link, BaseExceptionGroup):
            waiting += link.exceptions[:MAX_MEMBERS]
    return False


def _rebuilt(exc: BaseException, text_of: TextOf, made: dict[int, BaseException]) -> BaseException:
    """Return a copy of the exception, its chain and its members, each with its text as a plain argument."""
    if id(exc) in made or len(made) >= _MAX_LINKS:
        return made.get(id(exc), exc)
    if isinstance(exc, BaseExceptionGroup):
        # A reference back to the group finds the original.
        made[id(exc)] = exc
        members = tuple(_rebuilt(member, text_of, made) for member in exc.exceptions[:MAX_MEMBERS])
        stand_in: BaseException = _group(exc, members)
        made[id(exc)] = stand_in
    else:
        text = text_of(exc)
        kind = type(exc)
        # The SDK takes the type names of chained exceptions from their classes.
        named = type(kind.__name__, (_StandIn,), {"__module__": kind.__module__, "__qualname__": kind.__qualname__})
        stand_in = made[id(exc)] = named(str(exc) if text is None else text)
    for name in ("__cause__", "__context__"):
        previous = getattr(exc, name)
        setattr(stand_in, name, None if previous is None else _rebuilt(previous, text_of, made))
    return _with_details_of(stand_in, exc)
