"""What is going on in this thread or coroutine: request, user, task, trace. Pure context variables.

The context of a request travels in the headers of the Celery tasks it queues, so that a task's failure
names the request, user and path behind it.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, Token
from dataclasses import asdict, dataclass, replace
from itertools import count
from typing import Any

__all__ = [
    "HEADER",
    "RunContext",
    "accept_request_id",
    "bind",
    "current",
    "from_headers",
    "is_own_id",
    "known",
    "request_ids",
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

_FIELD_MAX_CHARS = 512
_ID_CHARS = 32
_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}\Z")


class _Ids:
    """Ids that no other process gives: 20 characters of them are random, made anew in a forked child."""

    def __init__(self) -> None:
        self.start_over()

    def start_over(self) -> None:
        # Nowhere 13 digits in a row: those might be taken for a payment card and redacted.
        self.prefix = f"{secrets.token_hex(5)}c{secrets.token_hex(4)}f"
        self.numbers = count(10**11 + secrets.randbits(32))


request_ids = _Ids()
os.register_at_fork(after_in_child=request_ids.start_over)


@dataclass(frozen=True)
class RunContext:
    """Where the running code stands. Empty strings where nothing is known."""

    request_id: str = ""
    user_id: str = ""
    method: str = ""
    path: str = ""
    task: str = ""
    task_id: str = ""
    trace_id: str = ""


_NAMES = tuple(RunContext.__dataclass_fields__)

# A request's context is kept as its bare parts (id, method, path, the request, who gives its user) until somebody asks:
# most requests log nothing and fail at nothing.
_Parts = tuple[str, str | None, str, Callable[[], Any], Callable[[Any], str]]
_current: ContextVar[RunContext | _Parts] = ContextVar("enginel_context", default=RunContext())  # noqa: B039 (frozen)
start_with = _current.set
"""Replaces the context by a request's bare parts, as `start_request` does; for who counts tenths of a microsecond."""
_identify: ContextVar[Callable[[], str] | None] = ContextVar("enginel_identify", default=None)


tracer: Callable[[], str] | None = None
"""Gives the id of the current trace; set by `trace_with`."""


def trace_with(ask: Callable[[], str] | None) -> None:
    """Let every context know the trace it is part of.

    Args:
        ask: Gives the id of the current trace, or an empty string. Must be cheap and must not raise.
    """
    global tracer  # noqa: PLW0603 - one tracer a process
    tracer = ask


def trace_id() -> str:
    """Return the id of the current trace, or an empty string."""
    return tracer() if tracer is not None else ""


def current() -> RunContext:
    run, identify = _whole()
    if tracer is not None and not run.trace_id and (trace_id := tracer()):
        run = replace(run, trace_id=trace_id)
    if run.user_id or identify is None:
        return run
    user_id = identify()
    return replace(run, user_id=user_id) if user_id else run


def known() -> dict[str, str]:
    """Return what is known of the current context, by the names of `RunContext`."""
    run = _current.get()
    if not isinstance(run, RunContext) and tracer is None and (method := run[1]):
        request_id, _, path, request, identify = run
        facts = {"request_id": request_id}
        if user_id := identify(request()):
            facts["user_id"] = user_id
        facts["method"], facts["path"] = method, path[:_FIELD_MAX_CHARS]
        return facts
    whole = current()
    return {name: value for name in _NAMES if (value := getattr(whole, name))}


def is_own_id(request_id: str) -> bool:
    """Tell whether this process made a request id: nothing but hexadecimal digits."""
    return request_id.startswith(request_ids.prefix) and len(request_id) == _ID_CHARS


def _whole() -> tuple[RunContext, Callable[[], str] | None]:
    run = _current.get()
    if isinstance(run, RunContext):
        return run, _identify.get()
    request_id, method, path, request, identify = run
    whole = RunContext(request_id=request_id, method=method or "", path=path[:_FIELD_MAX_CHARS])
    return whole, lambda: identify(request())


def bind(**changes: str) -> Token[Any]:
    """Change fields of the current context; give the token to `unbind` when done."""
    run, identify = _whole()
    _identify.set(identify)
    return _current.set(replace(run, **changes))


def unbind(token: Token[Any]) -> None:
    """Restore the context of before `bind`; a used token, or another thread's, is let go quietly."""
    try:
        _current.reset(token)
    except (RuntimeError, ValueError):
        _current.set(RunContext())


def start(context: RunContext, identify: Callable[[], str] | None = None) -> None:
    """Replace the context; what began before it in this thread or coroutine is over.

    Args:
        context: What is known now.
        identify: Gives the user's id, or an empty string, whenever it is wanted: who signs in is known
            only once the view looks, long after the request began. Must be cheap and must not raise.
    """
    _current.set(context)
    _identify.set(identify)


def start_request(
    offered_id: str | None,
    method: str | None,
    path: str,
    request: Callable[[], Any],
    identify: Callable[[Any], str],
) -> str:
    """Replace the context by that of a request, as `start` does, at a fraction of its cost.

    Args:
        offered_id: The id its client gives it, see `accept_request_id`.
        method: Its method.
        path: Its path.
        request: Gives the request as long as it lives; a weak reference, so that an idle thread does not keep its
            last one, body and all.
        identify: Gives the user's id of what ``request`` gives, see `start`.

    Returns:
        The request's id.
    """
    # As `accept_request_id` makes it: most requests bring none, and to ask would cost as much again.
    request_id = accept_request_id(offered_id) if offered_id else f"{request_ids.prefix}{next(request_ids.numbers)}"
    _current.set((request_id, method, path, request, identify))
    return request_id


@contextmanager
def use(context: RunContext) -> Iterator[RunContext]:
    _identify.set(_whole()[1])
    token = _current.set(context)
    try:
        yield context
    finally:
        unbind(token)


def accept_request_id(offered: str | None) -> str:
    """Return the caller's request id if it is harmless (8-64 of ``A-Za-z0-9._-``), else a new one."""
    if offered and _REQUEST_ID.match(offered):
        return offered
    return f"{request_ids.prefix}{next(request_ids.numbers)}"


def to_headers(context: RunContext) -> dict[str, str]:
    """Return what a task needs to know of the request that queues it."""
    carried = asdict(replace(context, task="", task_id=""))
    return {name: value[:_FIELD_MAX_CHARS] for name, value in carried.items() if value}


def from_headers(headers: Mapping[str, Any] | None) -> RunContext:
    """Read `to_headers`' output back; anything that is not text of a known field is ignored."""
    carried = (headers or {}).get(HEADER)
    if not isinstance(carried, Mapping):
        return RunContext()
    known = RunContext.__dataclass_fields__
    return RunContext(
        **{
            name: value[:_FIELD_MAX_CHARS]
            for name, value in carried.items()
            if name in known and isinstance(value, str)
        }
    )
