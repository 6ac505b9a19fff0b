"""Whether an exception comes from work for a controlled design: it may be kept, and be reported in other work. Pure.

A frame that a traceback keeps alive keeps those that called it. One of them has the request or the task in a variable,
and with it the cell of `designs.context` that says whether that work is controlled. Nothing is noted while an exception
is raised. Exceptions that were made and never raised, and those whose traceback was taken away, have no origin.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import CodeType, FrameType
from typing import Any, cast

from designs import context
from designs.monitoring.untrusted.exceptions import (
    args_of,
    attributes_of,
    cause_of,
    context_of,
    is_exception,
    members_of,
    traceback_of,
)

__all__ = ["comes_from_controlled", "tag"]

_MAX_EXCEPTIONS = 50
_MAX_FRAMES = 300
_MAX_ITEMS = 20
# Variables that hold the message of a task, in Celery's own function that runs it, and a request.
_HOLDERS = ("task_request", "request")
_CARRYING = "designs.context_propagation"
_THREAD = "threading"
_ORIGIN = "enginel_origin"
_ASKED = "__enginel_asked__"
_MAX_CODES = 8_192

_roles: dict[int, tuple[CodeType, str]] = {}
"""What a frame of this code may know, by the id of the code, which is kept so that the id stays its own."""


def tag(error: object) -> None:
    """Note on an exception that it concerns a controlled design: some look at it after its request or task."""
    if is_exception(error):
        dict.__setitem__(attributes_of(error), context.TAG, True)


def comes_from_controlled(exc: BaseException) -> bool:
    """Return whether an exception, or one that it leads to or holds, was raised in controlled work; then tag it."""
    if dict.get(attributes_of(exc), context.TAG) is True:
        return True
    if not context.has_met():
        return False
    # A report asks several times. Another answer needs other frames, or more work that is controlled.
    asked = (id(traceback_of(exc)), getattr(context.carrier, "met", 0))
    if dict.get(attributes_of(exc), _ASKED) == asked:
        return False
    for link in _family(exc):
        if _is_noted(attributes_of(link)) or _frames_say(link):
            tag(exc)
            return True
    dict.__setitem__(attributes_of(exc), _ASKED, asked)
    return False


def _is_noted(attributes: dict[str, object]) -> bool:
    if dict.get(attributes, context.TAG) is True:
        return True
    # Of the task of an event loop.
    cells = dict.get(attributes, context.CELL)
    return type(cells) is tuple and any(cells)


def _family(exc: BaseException) -> Iterator[BaseException]:
    """Yield an exception, those of its chain and groups, and those among its arguments and attributes."""
    waiting, seen = [exc], set[int]()
    while waiting and len(seen) < _MAX_EXCEPTIONS:
        link = waiting.pop()
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        held: list[object] = [cause_of(link), context_of(link), *args_of(link)[:_MAX_ITEMS]]
        if attributes := attributes_of(link):
            held += list(dict.values(attributes))[:_MAX_ITEMS]
        if issubclass(type(link), BaseExceptionGroup):
            held += members_of(link)[:_MAX_EXCEPTIONS]
        waiting += [cast("BaseException", one) for one in held if issubclass(type(one), BaseException)]


def _frames_say(exc: BaseException) -> bool:
    step = traceback_of(exc)
    called: list[FrameType] = []
    for _ in range(_MAX_FRAMES):
        if step is None:
            break
        frame = step.tb_frame
        # One that is raised again later has the frames of both times, which do not call one another.
        if called and frame.f_back is not called[-1]:
            if _stack_says(called):
                return True
            called = []
        called.append(frame)
        step = step.tb_next
    return _stack_says(called)


def _stack_says(called: list[FrameType]) -> bool:
    """Return what the innermost frame says that knows: a thread of a pool may have begun in other work."""
    for frame in reversed(called):
        if (said := _says(frame)) is not None:
            return said
    caller = called[0].f_back if called else None
    for _ in range(_MAX_FRAMES):
        if caller is None:
            return False
        if (said := _says(caller)) is not None:
            return said
        caller = caller.f_back
    return False


def _says(frame: FrameType) -> bool | None:
    """Return whether a frame serves controlled work; None for one that does not know."""
    code = frame.f_code
    known = _roles.get(id(code))
    role = known[1] if known is not None else _role_of(frame)
    if not role:
        return None
    held = frame.f_locals
    if role == _CARRYING:
        return any(held.get("work") or ())
    if role == _THREAD:
        origin = _held_by(held.get("self")).get(_ORIGIN)
        return any(origin[0]) if isinstance(origin, tuple) else None
    cell = _cell_of(held.get(role))
    return None if cell is None else bool(cell)


def _role_of(frame: FrameType) -> str:
    """Return the variable that holds a request or a message, what else a frame may know, or nothing."""
    code, module = frame.f_code, frame.f_globals.get("__name__")
    role = next((name for name in _HOLDERS if name in code.co_varnames), "")
    if code.co_name == "_run" and module == _CARRYING:
        role = _CARRYING
    elif code.co_name == "_bootstrap_inner" and module == _THREAD:
        role = _THREAD
    if len(_roles) >= _MAX_CODES:
        _roles.clear()
    _roles[id(code)] = code, role
    return role


def _cell_of(value: object) -> Any:
    """Return the cell of a request, of one of Django REST framework, or of a task's message."""
    held = _held_by(value)
    return held[context.CELL] if context.CELL in held else _held_by(held.get("_request")).get(context.CELL)


def _held_by(value: object) -> dict[str, Any]:
    try:
        held = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return {}
    return held if type(held) is dict else {}
