"""Context of the running thread or coroutine: request, user, task and trace. Pure context variables.

The headers of Celery tasks carry the context of the request that queued them, so that a task's failure
names the request, user and path behind it.
"""

from __future__ import annotations

import re
import secrets
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, Token
from dataclasses import asdict, dataclass, replace
from itertools import count
from typing import Any, NamedTuple

__all__ = [
    "CELL",
    "HEADER",
    "TAG",
    "RunContext",
    "State",
    "UserId",
    "accept_request_id",
    "bind",
    "carrier",
    "cells",
    "current",
    "current_request",
    "current_state",
    "from_headers",
    "has_met",
    "is_controlled",
    "is_met_outside",
    "is_own_id",
    "known",
    "on_controlled",
    "request_ids",
    "set_controlled",
    "start",
    "start_request",
    "start_with",
    "to_headers",
    "trace_id",
    "trace_with",
    "tracer",
    "unbind",
    "use",
]

HEADER = "enginel_context"
"""Name of the Celery message header that carries the context."""

TAG = "__enginel_withheld__"
"""Attribute of an exception that concerns a controlled design, for code that sees it after its request or task."""

UserId = str | int
"""A user's key; a number stays a number. Empty string if no user is known."""

_FIELD_MAX_CHARS = 512
_ID_CHARS = 32
_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}\Z")


class _Ids:
    """Ids that are unique across processes: 20 random characters, renewed in a forked child, and a counter."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        # Never 13 digits in a row: redaction might take those for a payment card.
        self.prefix = f"{secrets.token_hex(5)}c{secrets.token_hex(4)}f"
        self.numbers = count(10**11 + secrets.randbits(32))


request_ids = _Ids()


_has_controlled = False
"""Whether this process has handled an export-controlled or classified design; most checks stop at this flag."""


@dataclass(frozen=True)
class RunContext:
    """Request, user, task and trace of the running code. Empty strings where unknown.

    Values come from requests and messages, so text is made printable whenever a context is created.
    """

    request_id: str = ""
    user_id: UserId = ""
    method: str = ""
    path: str = ""
    task: str = ""
    task_id: str = ""
    trace_id: str = ""
    is_controlled: bool = False
    """Whether the work concerns an export-controlled or classified design, see `set_controlled`."""

    def __post_init__(self) -> None:
        global _has_controlled  # noqa: PLW0603 - one process
        _has_controlled = _has_controlled or self.is_controlled
        facts = vars(self)
        for name, value in facts.items():
            if isinstance(value, str) and not (value.isascii() and value.isprintable()):
                facts[name] = _printable(value)


_CONTROLLED = "is_controlled"
_NAMES = tuple(name for name in RunContext.__dataclass_fields__ if name != _CONTROLLED)
CELL = "enginel_is_controlled"
"""Attribute of a request or of a task's message: a set that is not empty once the work is controlled."""

# A request's context is kept as its bare parts (id, method, path, reference to the request, function that reads its
# user) until it is needed: most requests neither log nor fail.
_Parts = tuple[str, str | None, str, Callable[[], Any], Callable[[Any], UserId]]


class _Bound(NamedTuple):
    """A context that was bound within a request, with the request: its user may become known later."""

    run: RunContext
    request: Callable[[], Any]
    identify: Callable[[Any], UserId]
    controlled: set[bool]
    """Not empty after `set_controlled`. Copies of a context share it."""


Cells = tuple[set[bool], ...]
"""Sets of which at least one is not empty once the work that they belong to is controlled; they outlive that work."""

State = RunContext | _Bound | _Parts
"""Value of the context variable: a whole context in one object, so that a reset restores everything."""

_current: ContextVar[State] = ContextVar("enginel_context", default=RunContext())  # noqa: B039 (frozen)
current_state = _current.get
"""Return the state of the context, to pass to `start_with` when the work that begins now is over.

A token would not work: asgiref copies contexts between threads, and a token belongs to one of the copies.
"""
start_with = _current.set
"""Replace the context by a request's bare parts, as `start_request` does, or by an earlier state; for hot paths."""

_is_met_outside = False
_requests = deque[str](maxlen=4_096)  # Ids of the latest controlled: work that outlives its request has only the id.
_on_controlled: list[Callable[[], None]] = []
carrier: Any = None
"""Origin of the work of code outside of requests and tasks, see `designs.context_propagation.Carrier`."""

tracer: Callable[[], str] | None = None
"""Returns the id of the current trace; set by `trace_with`."""


def trace_with(ask: Callable[[], str] | None) -> None:
    """Add the current trace to every context; ``ask`` returns its id or an empty text, and must not raise."""
    global tracer  # noqa: PLW0603 - one tracer a process
    tracer = ask


def trace_id() -> str:
    """Return the id of the current trace, or an empty string."""
    return tracer() if tracer is not None else ""


def current() -> RunContext:
    state = _current.get()
    if tracer is None and isinstance(state, RunContext) and (state.is_controlled or not is_controlled()):
        return state
    run, request, identify, _ = _whole()
    if _has_controlled and not run.is_controlled and is_controlled():
        run = replace(run, is_controlled=True)
    if tracer is not None and not run.trace_id and (trace_id := tracer()):
        run = replace(run, trace_id=trace_id)
    if run.user_id != "" or (user_id := identify(request())) == "":
        return run
    return replace(run, user_id=user_id)


def current_request() -> Any:
    """Return the request that the running code serves; None outside of a request and after the request is gone.

    Code of an eager task, which runs within a request, serves that request too.
    """
    state = _current.get()
    if isinstance(state, RunContext):
        return None
    return state.request() if isinstance(state, _Bound) else state[3]()


def known() -> dict[str, UserId]:
    """Return the known fields of the current context, by their names in `RunContext`."""
    state = _current.get()
    if not isinstance(state, RunContext | _Bound) and tracer is None and (method := state[1]):
        request_id, _, path, request, identify = state
        facts: dict[str, UserId] = {"request_id": request_id}
        if (user_id := identify(request())) != "":
            facts["user_id"] = user_id
        facts["method"], facts["path"] = _printable(method), _printable(path[:_FIELD_MAX_CHARS])
        return facts
    whole = current()
    return {name: value for name in _NAMES if (value := getattr(whole, name)) != ""}


def set_controlled() -> None:
    """Mark the current work as controlled: it concerns an export-controlled or classified design.

    The mark lasts until the request, task or command ends, and extends to the tasks, threads and pool work that it
    starts. Messages and contexts of failures then carry ids only, see `designs.monitoring.withheld`.
    """
    global _has_controlled, _is_met_outside  # noqa: PLW0603 - one process
    whole = _whole()
    if whole.controlled:
        return
    _has_controlled = True
    if carrier is not None:
        carrier.start()
    _is_met_outside = _is_met_outside or _is_outside(whole.run)
    # Other threads and coroutines of the same request or task have their own contexts.
    for cell in (whole.controlled, *_cells_of(whole)):
        cell.add(True)
    _current.set(whole)
    _requests.extend(() if whole.run.task_id else (whole.run.request_id,))
    for act in _on_controlled:
        act()


def on_controlled(act: Callable[[], None]) -> None:
    """Register a function, which must not raise, to call when a request, task or other work becomes controlled."""
    if act not in _on_controlled:
        _on_controlled.append(act)


def is_controlled() -> bool:
    """Return whether the current work concerns an export-controlled or classified design."""
    if not _has_controlled:
        return False
    state = _current.get()
    if not isinstance(state, RunContext | _Bound):
        return bool(_cell_of(request)) if (request := state[3]()) is not None else state[0] in _requests
    if isinstance(state, _Bound) and (state.run.is_controlled or state.controlled or _cell_of(state.request())):
        return True
    run = state.run if isinstance(state, _Bound) else state
    return run.is_controlled or (carrier is not None and _is_outside(run) and carrier.is_controlled())


def cells() -> Cells:
    """Return the sets that show later, and in other threads, whether the current work is controlled."""
    return ({True},) if is_controlled() else _cells_of(_whole())


def _cells_of(whole: _Bound) -> Cells:
    own = (whole.controlled, _cell_of(whole.request()))
    return (*own, *carrier.cells()) if carrier is not None and _is_outside(whole.run) else own


def _cell_of(request: Any) -> set[bool]:
    # A request that is gone has a new set, which is shared with no other code.
    cell: set[bool] = getattr(request, "__dict__", {}).setdefault(CELL, set())
    return cell


def _is_outside(run: RunContext) -> bool:
    return not (run.request_id or run.task_id)


def has_met() -> bool:
    """Return whether this process has handled a controlled design."""
    return _has_controlled


def is_met_outside() -> bool:
    """Return whether code outside of requests and tasks has handled a controlled design."""
    return _is_met_outside


def is_own_id(request_id: str) -> bool:
    """Return whether this process made a request id, which then has hexadecimal digits only."""
    return request_id.startswith(request_ids.prefix) and len(request_id) == _ID_CHARS


def _printable(text: str) -> str:
    """Replace lone surrogates, which no encoder accepts, and drop control and format characters."""
    if text.isascii() and text.isprintable():
        return text
    whole = text.encode("utf-8", "replace").decode("utf-8")
    return "".join(char for char in whole if char.isprintable())


def _nothing() -> None:
    return None


def _no_user(request: Any) -> UserId:
    return ""


def _whole() -> _Bound:
    state = _current.get()
    if isinstance(state, RunContext):
        return _Bound(state, _nothing, _no_user, set())
    if isinstance(state, _Bound):
        return state
    request_id, method, path, request, identify = state
    run = RunContext(request_id=request_id, method=method or "", path=path[:_FIELD_MAX_CHARS])
    return _Bound(run, request, identify, set())


def bind(**changes: Any) -> Token[Any]:
    """Change fields of the current context; pass the token to `unbind` when done."""
    whole = _whole()
    return _current.set(whole._replace(run=replace(whole.run, **changes)))


def unbind(token: Token[Any]) -> None:
    """Restore the context from before `bind`; set an empty one for a token that is used or of another thread."""
    try:
        _current.reset(token)
    except (RuntimeError, ValueError):
        _current.set(RunContext())


def start(context: RunContext, identify: Callable[[], UserId] | None = None) -> None:
    """Replace the context; work that began before in this thread or coroutine is over.

    Args:
        context: The new context.
        identify: Returns the user's id, or an empty string, on each use: the view resolves the user long after
            the request began. Must be cheap and must not raise.
    """
    _current.set(context if identify is None else _Bound(context, _nothing, lambda _: identify(), set()))


def start_request(
    offered_id: str | None,
    method: str | None,
    path: str,
    request: Callable[[], Any],
    identify: Callable[[Any], UserId],
) -> str:
    """Replace the context by that of a request, like `start` at a fraction of its cost; return the request's id.

    Args:
        offered_id: Id that the client sent, see `accept_request_id`.
        method: Method of the request.
        path: Path of the request.
        request: Returns the request while it exists; a weak reference, so that an idle thread does not keep its
            last request with its body.
        identify: Returns the user's id for the result of ``request``, see `start`.
    """
    # `accept_request_id` inlined: most requests send no id, and the call would double the cost.
    request_id = accept_request_id(offered_id) if offered_id else f"{request_ids.prefix}{next(request_ids.numbers)}"
    _current.set((request_id, method, path, request, identify))
    return request_id


@contextmanager
def use(context: RunContext) -> Iterator[RunContext]:
    token = _current.set(_whole()._replace(run=context))
    try:
        yield context
    finally:
        unbind(token)


def accept_request_id(offered: str | None) -> str:
    """Return the client's request id if it is harmless (8-64 of ``A-Za-z0-9._-``), else a new one."""
    if offered and _REQUEST_ID.match(offered):
        return offered
    return f"{request_ids.prefix}{next(request_ids.numbers)}"


def to_headers(context: RunContext) -> dict[str, UserId]:
    """Return the fields that a task needs of the request that queues it."""
    carried = asdict(replace(context, task="", task_id=""))
    # False is left out, too.
    return {name: _bounded(value) for name, value in carried.items() if value != "" and value is not False}


def from_headers(headers: Mapping[str, Any] | None) -> RunContext:
    """Parse the output of `to_headers`; ignore unknown fields and values of the wrong type."""
    carried = (headers or {}).get(HEADER)
    if not isinstance(carried, Mapping):
        return RunContext()
    return RunContext(
        is_controlled=carried.get(_CONTROLLED) is True,
        **{
            name: _bounded(value)
            for name, value in carried.items()
            if name in _NAMES and (isinstance(value, str) or (name == "user_id" and type(value) is int))
        },
    )


def _bounded(value: Any) -> Any:
    return value[:_FIELD_MAX_CHARS] if isinstance(value, str) else value
