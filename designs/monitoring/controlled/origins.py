"""Detection of exceptions from controlled work, even if other work keeps and reports them later. Pure.

A frame in a traceback keeps its callers alive. One of them holds the request or the task in a variable, and with it the
cell of `designs.context` that states whether that work is controlled. So nothing needs to be recorded when an exception
is raised. Exceptions that were never raised, or whose traceback was removed, have no known origin.
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
# Variables that hold a task's message, in the Celery function that runs the task, and a request.
_HOLDERS = ("task_request", "request")
_CARRYING = "designs.context_propagation"
_THREAD = "threading"
_ORIGIN = "enginel_origin"
_LAST_CHECK = "__enginel_asked__"
_MAX_CODES = 8_192

_roles: dict[int, tuple[CodeType, str]] = {}
"""Roles of code objects, by id. The code object is kept alive so that its id stays unique."""


def tag(error: object) -> None:
    """Mark an exception as controlled: hooks may see it after its request or task has ended."""
    if is_exception(error):
        dict.__setitem__(attributes_of(error), context.TAG, True)


def comes_from_controlled(exc: BaseException) -> bool:
    """Return whether an exception, or one that it refers to, was raised in controlled work; tag it if so."""
    if dict.get(attributes_of(exc), context.TAG) is True:
        return True
    if not context.has_met():
        return False
    # One report calls this several times. The result changes only with new frames or more controlled work.
    state = (id(traceback_of(exc)), getattr(context.carrier, "met", 0))
    if dict.get(attributes_of(exc), _LAST_CHECK) == state:
        return False
    for link in _related(exc):
        if _is_tagged(attributes_of(link)) or _is_in_controlled_frames(link):
            tag(exc)
            return True
    dict.__setitem__(attributes_of(exc), _LAST_CHECK, state)
    return False


def _is_tagged(attributes: dict[str, object]) -> bool:
    if dict.get(attributes, context.TAG) is True:
        return True
    # Set for tasks of an event loop.
    cells = dict.get(attributes, context.CELL)
    return type(cells) is tuple and any(cells)


def _related(exc: BaseException) -> Iterator[BaseException]:
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


def _is_in_controlled_frames(exc: BaseException) -> bool:
    step = traceback_of(exc)
    called: list[FrameType] = []
    for _ in range(_MAX_FRAMES):
        if step is None:
            break
        frame = step.tb_frame
        # The traceback of an exception that was raised again holds the frames of both times: two separate stacks.
        if called and frame.f_back is not called[-1]:
            if _is_controlled_stack(called):
                return True
            called = []
        called.append(frame)
        step = step.tb_next
    return _is_controlled_stack(called)


def _is_controlled_stack(called: list[FrameType]) -> bool:
    """Return the state of the innermost frame that has one: other work may have started the thread of a pool."""
    for frame in reversed(called):
        if (state := _controlled_state(frame)) is not None:
            return state
    caller = called[0].f_back if called else None
    for _ in range(_MAX_FRAMES):
        if caller is None:
            return False
        if (state := _controlled_state(caller)) is not None:
            return state
        caller = caller.f_back
    return False


def _controlled_state(frame: FrameType) -> bool | None:
    """Return whether a frame serves controlled work; None if the frame does not show it."""
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
    """Return the variable of a frame that holds a request or a message, another role, or an empty string."""
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
    """Return the cell of a request, of a request of Django REST framework, or of a task's message."""
    held = _held_by(value)
    return held[context.CELL] if context.CELL in held else _held_by(held.get("_request")).get(context.CELL)


def _held_by(value: object) -> dict[str, Any]:
    try:
        held = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return {}
    return held if type(held) is dict else {}
