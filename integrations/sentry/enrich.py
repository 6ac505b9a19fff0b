"""Source lines and local variables for the few events that are sent; what is only counted never pays for them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from types import FrameType, TracebackType
from typing import Any

from sentry_sdk.utils import get_source_context, iter_stacks

from integrations.sentry.model import Scrubber

__all__ = ["Scrubbed", "enrich"]

MAX_EXCEPTIONS = 20
MAX_FRAMES = 250
"""Frames of one exception; of more, as many as say where it began and where it ended."""
_OUTER_FRAMES = 50
_MAX_LINE_CHARS = 512
_LOCALS_BYTES = 96 * 1024
_SOURCE_CHARS = 256 * 1024
_MAX_LOCALS = 25
_FOREIGN = ("/site-packages/", "/dist-packages/")


class Scrubbed(dict[str, Any]):
    """Text and numbers that have been scrubbed: the SDK takes them as they are."""

    def __sentry_repr__(self) -> dict[str, Any]:
        return dict(self)


def enrich(event: dict[str, Any], exc: BaseException | None, scrubber: Scrubber, root: str) -> None:
    """Add source to all frames of an exception's event, and locals to the application's own and the innermost.

    Args:
        event: Captured lean, from this exception.
        exc: The exception.
        scrubber: Removes secrets.
        root: Folder of the application's code.
    """
    values = (event.get("exception") or {}).get("values")
    if exc is None or not values:
        return
    chain = list(islice(_in_sdk_order(exc), len(values) + 1))
    if len(chain) != len(values):
        return
    budget = _Budget()
    # The outermost exception is the last of the list, and the first worth having.
    for value, link in zip(reversed(values), chain, strict=True):
        _enrich_one(value, list(iter_stacks(link.__traceback__)), scrubber, root, budget)
    if len(values) > MAX_EXCEPTIONS:
        half = MAX_EXCEPTIONS // 2
        event["exception"]["values"] = [*values[:half], *values[-half:]]


class _Budget:
    """What one event may hold of locals and source."""

    def __init__(self) -> None:
        self.locals = _LOCALS_BYTES
        self.source = _SOURCE_CHARS


def _enrich_one(
    value: dict[str, Any], stack: list[TracebackType], scrubber: Scrubber, root: str, budget: _Budget
) -> None:
    holder: Any = value.get("stacktrace")
    frames = holder.get("frames") if isinstance(holder, dict) else None
    if not frames or len(frames) != len(stack):
        return
    innermost = len(frames) - 1
    for place in range(innermost, -1, -1):
        frame, link = frames[place], stack[place]
        if _OUTER_FRAMES <= place < len(frames) - (MAX_FRAMES - _OUTER_FRAMES):
            continue
        if budget.source > 0:
            _add_source(frame, link, budget)
        if budget.locals > 0 and (place == innermost or _is_own(link.tb_frame, root)):
            _add_locals(frame, link.tb_frame, scrubber, budget)
    if len(frames) > MAX_FRAMES:
        holder["frames"] = [*frames[:_OUTER_FRAMES], *frames[_OUTER_FRAMES - MAX_FRAMES :]]


def _add_source(frame: dict[str, Any], link: TracebackType, budget: _Budget) -> None:
    before, line, after = get_source_context(link.tb_frame, link.tb_lineno, _MAX_LINE_CHARS)
    frame["pre_context"], frame["context_line"], frame["post_context"] = before, line, after
    budget.source -= sum(map(_length, before)) + _length(line) + sum(map(_length, after))


def _add_locals(frame: dict[str, Any], live: FrameType, scrubber: Scrubber, budget: _Budget) -> None:
    named = ((name, value) for name, value in live.f_locals.items() if not name.startswith("__"))
    scrubbed = scrubber.value(dict(islice(named, _MAX_LOCALS)), "")
    if not isinstance(scrubbed, dict):
        return
    size = len(json.dumps(scrubbed))
    if size <= budget.locals:
        frame["vars"] = Scrubbed(scrubbed)
    budget.locals -= size


def _is_own(frame: FrameType, root: str) -> bool:
    path = frame.f_code.co_filename
    return path.startswith(root) and not any(part in path for part in _FOREIGN)


def _length(line: Any) -> int:
    return len(line) if isinstance(line, str) else 0


def _in_sdk_order(exc: BaseException) -> Iterator[BaseException]:
    """Give the exceptions in the order in which the SDK lists them, outermost first."""
    if isinstance(exc, BaseExceptionGroup):
        yield from _tree(exc, set())
        return
    seen: set[int] = set()
    link: BaseException | None = exc
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = _led_to_by(link)


def _tree(exc: BaseException, seen: set[int]) -> Iterator[BaseException]:
    if id(exc) in seen:
        return
    seen.add(id(exc))
    yield exc
    following = _led_to_by(exc)
    if following is not None:
        yield from _tree(following, seen)
    if isinstance(exc, BaseExceptionGroup):
        for member in exc.exceptions:
            yield from _tree(member, seen)


def _led_to_by(exc: BaseException) -> BaseException | None:
    return exc.__cause__ if exc.__suppress_context__ else exc.__context__
