"""Guard against failures of the monitoring itself: they are counted and logged, and never reach the application.

It catches `Exception` and never `BaseException`: stopping a process must stay possible.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from types import TracebackType

__all__ = ["guarded", "swallow", "swallowed"]

logger = logging.getLogger("enginel.monitoring")

swallowed: Counter[str] = Counter()
"""Failures of the monitoring itself in this process, by place."""

_LOG_INTERVAL_SECONDS = 60.0
_lock = threading.RLock()
_logged_at: dict[str, float] = {}

on_swallowed: Callable[[str, Exception], None] | None = None
"""Called with each swallowed failure; the test suite fails the running test."""


class guarded:  # noqa: N801 - used as a statement
    """Run the body; swallow an `Exception`, count it under ``where`` and log it at most once a minute."""

    __slots__ = ("_where",)

    def __init__(self, where: str) -> None:
        self._where = where

    def __enter__(self) -> None:
        return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        swallow(self._where, error)
        return True


def swallow(where: str, error: Exception) -> None:
    """Record a swallowed exception without entering a context manager; for hot paths."""
    if _count(where):
        logger.warning("monitoring failed in %s: %s", where, type(error).__name__, exc_info=error)
    if on_swallowed is not None:
        on_swallowed(where, error)


def _count(where: str) -> bool:
    """Count a swallowed failure; return whether its log line is due."""
    with _lock:
        swallowed[where] += 1
        now = time.monotonic()
        due = now - _logged_at.get(where, -_LOG_INTERVAL_SECONDS) >= _LOG_INTERVAL_SECONDS
        if due:
            _logged_at[where] = now
        return due


def reset() -> None:
    """Replace the lock after a fork: another thread of the parent may have held it."""
    global _lock  # noqa: PLW0603 - one lock per process
    _lock = threading.RLock()
