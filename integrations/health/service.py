"""What Enginel can do without for a while: the CAD kernel, and Sentry taking delivery."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from health_check.exceptions import ServiceWarning

from integrations.health.plugin import Plugin

__all__ = ["CADKernel", "SentryDelivery"]


@dataclasses.dataclass
class CADKernel(Plugin):
    """The CAD kernel can be used here; without it all but geometry works."""

    is_usable: Callable[[], bool] = dataclasses.field(repr=False)

    def run(self) -> None:
        """Raise `ServiceWarning` when it cannot."""
        if not self.is_usable():
            raise ServiceWarning("not installed: geometry cannot be extracted")
        self.message = "installed"


@dataclasses.dataclass
class SentryDelivery(Plugin):
    """Sentry takes what is sent to it.

    Args:
        delivery_status: Gives ``enabled``, ``outbox_depth`` and ``outbox_oldest_seconds`` at least.
        max_age_seconds: How long an event may wait.
    """

    delivery_status: Callable[[], Mapping[str, Any]] = dataclasses.field(repr=False)
    max_age_seconds: float = dataclasses.field(default=60.0, repr=False)

    def run(self) -> None:
        """Raise `ServiceWarning` when events wait for long."""
        status = self.delivery_status()
        if not status.get("enabled"):
            self.message = "not configured"
            return
        depth, age = int(status.get("outbox_depth") or 0), float(status.get("outbox_oldest_seconds") or 0.0)
        self.facts["waiting"] = depth
        if depth and age > self.max_age_seconds:
            raise ServiceWarning(f"{depth} events wait, the oldest for {age:.0f} s")
        self.message = "takes delivery"
