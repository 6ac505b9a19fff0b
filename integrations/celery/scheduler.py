"""Beat's scheduler: it has a heartbeat, and runs work that must go on when there are no workers."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from functools import cached_property
from typing import Any

from celery.beat import PersistentScheduler
from django.conf import settings

from integrations.celery.heartbeats import BEAT_SECONDS, BEATS_KEY, tell, untell
from integrations.redis import FailFastRedis

__all__ = ["Round", "Scheduler", "rounds"]

logger = logging.getLogger("enginel.health")


class Round:
    """Work that beat itself does again and again, in a thread: the schedule never waits for it.

    The first time comes one interval after the first look: workers that start with beat have reported by then.

    Args:
        work: What is done. Bounded in time by itself; while it still runs it is not begun again.
        seconds: Returns the interval; 0 is never.
    """

    def __init__(self, work: Callable[[], object], seconds: Callable[[], float]) -> None:
        self._work = work
        self._seconds = seconds
        self._began_at: float | None = None
        self._thread: threading.Thread | None = None

    def begin_if_due(self) -> None:
        seconds, now = self._seconds(), time.monotonic()
        if self._began_at is None:
            self._began_at = now
        is_running = self._thread is not None and self._thread.is_alive()
        if seconds <= 0 or is_running or now - self._began_at < seconds:
            return
        self._began_at = now
        self._thread = threading.Thread(target=self._run, name="enginel-beat-round", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._work()
        except Exception:
            logger.exception("A round of beat failed")


rounds: dict[str, Round] = {}
"""What beat does itself, by name; the application adds to it."""


class Scheduler(PersistentScheduler):
    """Celery's own scheduler with a heartbeat: one that hangs or ended falls silent."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._name = f"beat@{socket.gethostname()}:{os.getpid()}"
        self._told_at = float("-inf")
        super().__init__(*args, **kwargs)

    @cached_property
    def _gateway(self) -> FailFastRedis:
        # Not in the constructor: Celery calls it before the signal by which wrong settings stop beat.
        return FailFastRedis(settings.REDIS_URL, timeout_seconds=0.25, breaker_seconds=0)

    def tick(self, *args: Any, **kwargs: Any) -> float:
        if time.monotonic() - self._told_at >= BEAT_SECONDS / 2:
            # Whether or not it worked: the schedule must not wait for Redis at every look.
            self._told_at = time.monotonic()
            tell(self._gateway, BEATS_KEY, self._name, {"entries": len(self.schedule)})
        for each in list(rounds.values()):
            try:
                each.begin_if_due()
            except Exception:
                # No room for a thread: the schedule goes on.
                logger.exception("A round of beat could not begin")
        return float(min(super().tick(*args, **kwargs), BEAT_SECONDS))

    def close(self) -> None:
        untell(self._gateway, BEATS_KEY, self._name)
        super().close()
