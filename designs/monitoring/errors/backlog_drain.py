"""Delivery of the error backlog to Redis by a background thread, independent of further errors.

The daemon thread runs while records are pending and ends when there are none: a process whose errors all reached Redis
never starts it. Records that are still pending when the process ends get one last attempt.
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
"""How long a process may wait for Redis when it ends."""

_POLL_SECONDS = 0.005


class Handover:
    """Runs ``drain`` until ``waiting`` is 0. Thread-safe; a forked child needs one of its own.

    Args:
        drain: Delivers a batch; returns the number of delivered records, 0 if Redis refused or none are pending.
        waiting: Returns the number of pending records.
        unsettled: Returns the number of records that are pending or in flight.
    """

    def __init__(self, drain: Callable[[], int], waiting: Callable[[], int], unsettled: Callable[[], int]) -> None:
        self._drain = drain
        self._waiting = waiting
        self._unsettled = unsettled
        self._lock = threading.RLock()
        self._wake_now = threading.Event()
        self._thread: threading.Thread | None = None

    def wake(self, *, at_once: bool = False) -> bool:
        """Ensure that the delivery thread runs.

        Args:
            at_once: Redis has just answered: do not wait for the next interval.

        Returns:
            Whether a thread runs; False if the settings disable it (`conf.hand_over_seconds`).
        """
        if conf.hand_over_seconds <= 0:
            return False
        if at_once:
            self._wake_now.set()
        if self._thread is not None:
            return True
        with self._lock:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="enginel-handover", daemon=True)
                try:
                    thread.start()
                except RuntimeError:
                    # No more threads can start, or the interpreter is shutting down.
                    return False
                self._thread = thread
        return True

    def close(self, seconds: float = CLOSE_SECONDS) -> int:
        """Deliver for the last time, for at most ``seconds``; log and return the number of remaining records."""
        deadline = time.monotonic() + seconds
        while self._unsettled() and time.monotonic() < deadline:
            if self._drain():
                continue
            if self._waiting():
                break
            # The thread has the last record in flight.
            time.sleep(_POLL_SECONDS)
        remaining = self._unsettled()
        if remaining:
            logger.warning("%d error records could not be handed over; only their log lines remain", remaining)
        return remaining

    def _run(self) -> None:
        while True:
            self._wake_now.wait(conf.hand_over_seconds or None)
            self._wake_now.clear()
            with guarded("hand_over"):
                while self._drain():
                    pass
            with self._lock:
                # Under the lock: a record added after this check starts a new thread.
                if not self._waiting():
                    self._thread = None
                    return
