"""Celery beat's scheduler class, with a heartbeat and with jobs that beat runs itself, without workers."""

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
    """A periodic job that beat runs itself, in a thread, so that the schedule never waits for it.

    It runs first one interval after the first tick, when workers that started together with beat have reported.

    Args:
        work: The job. It must end by itself; it is not started again while it runs.
        seconds: Returns the interval in seconds; 0 for never.
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
            logger.exception("A periodic job of beat failed")


rounds: dict[str, Round] = {}
"""Jobs that beat runs itself, by name; the application registers them."""


class Scheduler(PersistentScheduler):
    """Celery's persistent scheduler with a heartbeat, which stops when beat hangs or ends."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._name = f"beat@{socket.gethostname()}:{os.getpid()}"
        self._sent_at = float("-inf")
        super().__init__(*args, **kwargs)

    @cached_property
    def _gateway(self) -> FailFastRedis:
        # Not in the constructor: Celery calls it before the signal on which invalid settings stop beat.
        return FailFastRedis(settings.REDIS_URL, timeout_seconds=0.25, breaker_seconds=0)

    def tick(self, *args: Any, **kwargs: Any) -> float:
        if time.monotonic() - self._sent_at >= BEAT_SECONDS / 2:
            # Set even if it fails: the schedule must not wait for Redis at every tick.
            self._sent_at = time.monotonic()
            tell(self._gateway, BEATS_KEY, self._name, {"entries": len(self.schedule)})
        for each in list(rounds.values()):
            try:
                each.begin_if_due()
            except Exception:
                # No thread could be started. The schedule goes on.
                logger.exception("A periodic job of beat could not be started")
        return float(min(super().tick(*args, **kwargs), BEAT_SECONDS))

    def close(self) -> None:
        untell(self._gateway, BEATS_KEY, self._name)
        super().close()
