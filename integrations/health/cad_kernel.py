"""Health checks of the components that Enginel can miss for a while: the CAD kernel, and delivery to Sentry."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from celery import Celery
from health_check.exceptions import ServiceWarning

from integrations.celery.heartbeats import read_beats
from integrations.health.plugin import Plugin
from integrations.redis import FailFastRedis, RedisUnavailable

__all__ = ["CADKernel", "SentryDelivery"]


@dataclasses.dataclass
class CADKernel(Plugin):
    """Checks that the CAD kernel is usable where tasks run: in every live worker, or in this process.

    Without it everything but geometry works.

    Args:
        is_usable: Returns whether the kernel is usable in this process.
        app: The Celery application; without one, or with eager tasks, tasks run in this process.
        store: Redis with the heartbeats of workers, which report ``kernel``.
    """

    is_usable: Callable[[], bool] = dataclasses.field(repr=False)
    app: Celery | None = dataclasses.field(default=None, repr=False)
    store: FailFastRedis | None = dataclasses.field(default=None, repr=False)

    def run(self) -> None:
        """Raise `ServiceWarning` when it is not usable."""
        known = self._in_workers() or [self.is_usable()]
        if not all(known):
            raise ServiceWarning("not installed: geometry cannot be extracted")
        self.message = "installed"

    def _in_workers(self) -> list[bool]:
        """Return whether the kernel is usable, for each live worker that reports it."""
        if self.app is None or self.store is None or self.app.conf.task_always_eager:
            return []
        try:
            live = [beat for beat in read_beats(self.store) if beat.is_live()]
        except RedisUnavailable:
            return []
        return [bool(beat.facts["kernel"]) for beat in live if "kernel" in beat.facts]


@dataclasses.dataclass
class SentryDelivery(Plugin):
    """Checks that Sentry accepts events.

    Args:
        delivery_status: Returns at least ``enabled``, ``outbox_depth`` and ``outbox_oldest_seconds``.
        max_age_seconds: How long an event may wait.
    """

    delivery_status: Callable[[], Mapping[str, Any]] = dataclasses.field(repr=False)
    max_age_seconds: float = dataclasses.field(default=60.0, repr=False)

    def run(self) -> None:
        """Raise `ServiceWarning` when events wait too long."""
        status = self.delivery_status()
        if not status.get("enabled"):
            self.message = "not configured"
            return
        if status.get("store") == "away":
            raise ServiceWarning("unknown: its outbox cannot be read")
        depth, age = int(status.get("outbox_depth") or 0), float(status.get("outbox_oldest_seconds") or 0.0)
        self.facts["waiting"] = depth
        if depth and age > self.max_age_seconds:
            raise ServiceWarning(f"{depth} events wait, the oldest for {age:.0f} s")
        self.message = "takes delivery"
