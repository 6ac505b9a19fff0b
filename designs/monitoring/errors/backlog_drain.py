"""Handing over what a process kept while Redis was away, also when no further error comes.

A daemon thread tries while something waits, and ends when nothing does: a process whose errors all reached Redis never
has one. What still waits when the process ends is tried once more.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from designs.conf import conf
from designs.monitoring.guard import guarded

__all__ = ["Handover"]

logger = logging.getLogger("enginel.monitoring")

CLOSE_SECONDS = 1.0
"""How long the end of a process may wait for Redis."""

_POLL_SECONDS = 0.005


class Handover:
    """Runs ``drain`` until ``waiting`` is 0. Thread-safe; a forked child needs one of its own.

    Args:
        drain: Hands over a batch; returns how many records went, 0 when refused or when there are none.
        waiting: Tells how many records wait.
        unsettled: Tells how many wait or are on their way.
    """

    def __init__(self, drain: Callable[[], int], waiting: Callable[[], int], unsettled: Callable[[], int]) -> None:
        self._drain = drain
        self._waiting = waiting
        self._unsettled = unsettled
        self._lock = threading.RLock()
        self._now = threading.Event()
        self._thread: threading.Thread | None = None

    def wake(self, *, at_once: bool = False) -> bool:
        """See to it that somebody tries.

        Args:
            at_once: Redis has just answered: do not wait for the next turn.

        Returns:
            Whether a thread does; False where the settings want none (`conf.hand_over_seconds`).
        """
        if conf.hand_over_seconds <= 0:
            return False
        if at_once:
            self._now.set()
        if self._thread is not None:
            return True
        with self._lock:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="enginel-handover", daemon=True)
                try:
                    thread.start()
                except RuntimeError:
                    # No room for a thread, or the interpreter is ending.
                    return False
                self._thread = thread
        return True

    def close(self, seconds: float = CLOSE_SECONDS) -> int:
        """Try for the last time, at most ``seconds``; return how many records remain, which is logged."""
        deadline = time.monotonic() + seconds
        while self._unsettled() and time.monotonic() < deadline:
            if self._drain():
                continue
            if self._waiting():
                break
            # The thread has the last one on its way.
            time.sleep(_POLL_SECONDS)
        remaining = self._unsettled()
        if remaining:
            logger.warning("%d error records could not be handed over; their log lines are all there is", remaining)
        return remaining

    def _run(self) -> None:
        while True:
            self._now.wait(conf.hand_over_seconds or None)
            self._now.clear()
            with guarded("hand_over"):
                while self._drain():
                    pass
            with self._lock:
                # Under the lock: who adds a record after this look starts another thread.
                if not self._waiting():
                    self._thread = None
                    return
