"""What a check found, and what all of them found together."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone
from health_check.exceptions import HealthCheckException, ServiceUnavailable, ServiceWarning

from designs.monitoring.timestamps import iso_utc

__all__ = [
    "DEGRADED",
    "HEALTHY",
    "STATUSES",
    "UNHEALTHY",
    "HealthReport",
    "Outcome",
    "UnknownComponent",
    "status_of",
]

HEALTHY, DEGRADED, UNHEALTHY = "healthy", "degraded", "unhealthy"

STATUSES = (HEALTHY, DEGRADED, UNHEALTHY)
"""From well to bad."""


class UnknownComponent(Exception):
    """Somebody asked for a component there is none of."""


def status_of(error: HealthCheckException | None) -> str:
    """Return the status a check's error stands for: by its class, since a warning is an error too."""
    if error is None:
        return HEALTHY
    return DEGRADED if isinstance(error, ServiceWarning) else UNHEALTHY


@dataclass(frozen=True)
class Outcome:
    """What one check found.

    Attributes:
        component: Name of the check.
        status: ``healthy``, ``degraded`` or ``unhealthy``.
        message: For anyone: words of a fixed vocabulary and numbers.
        detail: For admins: the exception behind it, scrubbed.
        seconds: What the check took.
        facts: For anyone.
        private_facts: In place of the facts of the same names, for admins.
        at: When it was found.
        found_at: The same by this process's monotonic clock.
    """

    component: str
    status: str
    message: str
    detail: str = ""
    seconds: float = 0.0
    facts: Mapping[str, Any] = field(default_factory=dict)
    private_facts: Mapping[str, Any] = field(default_factory=dict)
    at: datetime = field(default_factory=timezone.now)
    found_at: float = field(default_factory=time.monotonic)

    @property
    def error(self) -> HealthCheckException | None:
        """The outcome as django-health-check tells it."""
        if self.status == HEALTHY:
            return None
        kind = ServiceWarning if self.status == DEGRADED else ServiceUnavailable
        error: HealthCheckException = kind(self.message, timestamp=self.at)
        return error

    def as_dict(self, *, is_admin: bool = False) -> dict[str, Any]:
        """Return ``status``, ``message`` and facts; for admins in full, with ``detail`` and ``seconds``."""
        public = {"status": self.status, "message": self.message, **self.facts}
        if not is_admin:
            return public
        return {**public, **self.private_facts, "detail": self.detail, "seconds": round(self.seconds, 4)}


@dataclass(frozen=True)
class HealthReport:
    """What all checks found."""

    outcomes: Mapping[str, Outcome]
    checked_at: datetime = field(default_factory=timezone.now)

    @property
    def status(self) -> str:
        """The worst status of a component."""
        return max((outcome.status for outcome in self.outcomes.values()), key=STATUSES.index, default=HEALTHY)

    def as_dict(self, *, is_admin: bool = False) -> dict[str, Any]:
        """Return ``{"status", "timestamp", "checks": {component: {"status", "message", ...}}}``."""
        checks = {name: outcome.as_dict(is_admin=is_admin) for name, outcome in self.outcomes.items()}
        return {"status": self.status, "timestamp": iso_utc(self.checked_at), "checks": checks}
