"""Beat's scheduler, which tells that it lives at every look at its schedule."""

from __future__ import annotations

import os
import socket
import time
from typing import Any

from celery.beat import PersistentScheduler
from django.conf import settings

from integrations.heartbeat import BEAT_SECONDS, BEATS_KEY, tell, untell
from integrations.redis import FailFastRedis

__all__ = ["Scheduler"]


class Scheduler(PersistentScheduler):
    """Celery's own scheduler with a heartbeat: one that hangs or ended falls silent."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._gateway = FailFastRedis(settings.REDIS_URL, timeout_seconds=0.25, breaker_seconds=0)
        self._name = f"beat@{socket.gethostname()}:{os.getpid()}"
        self._told_at = float("-inf")
        super().__init__(*args, **kwargs)

    def tick(self, *args: Any, **kwargs: Any) -> float:
        if time.monotonic() - self._told_at >= BEAT_SECONDS / 2:
            # Whether or not it worked: the schedule must not wait for Redis at every look.
            self._told_at = time.monotonic()
            tell(self._gateway, BEATS_KEY, self._name, {"entries": len(self.schedule)})
        return float(min(super().tick(*args, **kwargs), BEAT_SECONDS))

    def close(self) -> None:
        untell(self._gateway, BEATS_KEY, self._name)
        super().close()
