"""Source lines and local variables of sent events. Events that are only counted never pay for them."""

from __future__ import annotations

import json
import linecache
import logging
from itertools import islice
from types import FrameType, TracebackType
from typing import Any

from sentry_sdk.utils import iter_stacks

from integrations.sentry.exception_chain import in_sdk_order
from integrations.sentry.types import Scrubber
from integrations.sentry.withheld_events import is_marked

__all__ = ["Ready", "enrich"]

logger = logging.getLogger("enginel.sentry")

MAX_EXCEPTIONS = 20
MAX_FRAMES = 250
"""Frames kept of one exception: of a longer stack, the outermost and the innermost ones."""
_OUTER_FRAMES = 50
_CONTEXT_LINES = 5
_LOCALS_BYTES = 96 * 1024
_SOURCE_CHARS = 256 * 1024
_MAX_LOCALS = 25
_FOREIGN = ("/site-packages/", "/dist-packages/")


class Ready(dict[str, Any]):
    """A dict of text, numbers and lists of them, which the SDK copies without serializing each value."""

    def __sentry_repr__(self) -> dict[str, Any]:
        return dict(self)


def enrich(event: dict[str, Any], exc: BaseException | None, scrubber: Scrubber, root: str) -> None:
    """Add source lines to all frames of an event, and locals to the application's frames and the innermost one.

    Args:
        event: Captured from this exception, without source lines and locals.
        exc: The exception.
        scrubber: Removes secrets.
        root: Folder of the application's code.
    """
    try:
        _enrich(event, exc, scrubber, root)
    except Exception:
        # Locals are arbitrary objects and may raise. Without them the event still shows where it happened.
        logger.warning("an event is sent without source and locals", exc_info=True)


def _enrich(event: dict[str, Any], exc: BaseException | None, scrubber: Scrubber, root: str) -> None:
    values = (event.get("exception") or {}).get("values")
    if exc is None or not values:
        return
    chain = in_sdk_order(exc, len(values) + 1)
    if len(chain) != len(values):
        return
    budget = _Budget()
    if is_marked(event, scrubber, exc):
        budget.locals = 0
    # The outermost exception is last in the list. It is the most useful one, so the budget serves it first.
    for value, link in zip(reversed(values), chain, strict=True):
        _enrich_one(value, list(iter_stacks(link.__traceback__)), scrubber, root, budget)
    if len(values) > MAX_EXCEPTIONS:
        half = MAX_EXCEPTIONS // 2
        event["exception"]["values"] = [*values[:half], *values[-half:]]


class _Budget:
    """Bytes of locals and characters of source lines that an event may still take."""

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
    closed = _first_closed(stack, scrubber)
    for place in range(innermost, -1, -1):
        frame, link = frames[place], stack[place]
        if _OUTER_FRAMES <= place < len(frames) - (MAX_FRAMES - _OUTER_FRAMES):
            continue
        if budget.source > 0:
            _add_source(frame, link, budget)
        if place < closed and budget.locals > 0 and (place == innermost or _is_own(link.tb_frame, root)):
            _add_locals(frame, link.tb_frame, scrubber, budget)
    if len(frames) > MAX_FRAMES:
        frames = [*frames[:_OUTER_FRAMES], *frames[_OUTER_FRAMES - MAX_FRAMES :]]
    holder["frames"] = [Ready(frame) for frame in frames]


def _first_closed(stack: list[TracebackType], scrubber: Scrubber) -> int:
    """Return the index of the first frame whose locals must not be sent; inner frames work on the same data."""
    if scrubber.first_closed is None:
        return len(stack)
    return scrubber.first_closed([link.tb_frame for link in stack])


def _add_source(frame: dict[str, Any], link: TracebackType, budget: _Budget) -> None:
    # The SDK reads the file again for each frame. `linecache` keeps it, and the fingerprint uses the same cache.
    lines = linecache.getlines(link.tb_frame.f_code.co_filename, link.tb_frame.f_globals)
    at = link.tb_lineno - 1
    if not 0 <= at < len(lines):
        return
    shown = [line.rstrip("\r\n") for line in lines[max(at - _CONTEXT_LINES, 0) : at + _CONTEXT_LINES + 1]]
    before = min(at, _CONTEXT_LINES)
    frame["pre_context"], frame["context_line"], frame["post_context"] = (
        shown[:before],
        shown[before],
        shown[before + 1 :],
    )
    budget.source -= sum(map(len, shown))


def _add_locals(frame: dict[str, Any], live: FrameType, scrubber: Scrubber, budget: _Budget) -> None:
    named = ((name, value) for name, value in live.f_locals.items() if not name.startswith("__"))
    scrubbed = scrubber.value(dict(islice(named, _MAX_LOCALS)), "")
    if not isinstance(scrubbed, dict):
        return
    size = len(json.dumps(scrubbed))
    if size <= budget.locals:
        frame["vars"] = scrubbed
    budget.locals -= size


def _is_own(frame: FrameType, root: str) -> bool:
    path = frame.f_code.co_filename
    return path.startswith(root) and not any(part in path for part in _FOREIGN)
