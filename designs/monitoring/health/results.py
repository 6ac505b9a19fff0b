"""Health results: the outcome of one check, and the report of all checks."""

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
"""From best to worst."""


class UnknownComponent(Exception):
    """No health check is registered under this name."""


def status_of(error: HealthCheckException | None) -> str:
    """Return the status of a check's error by its class: a warning is an error class too."""
    if error is None:
        return HEALTHY
    return DEGRADED if isinstance(error, ServiceWarning) else UNHEALTHY


@dataclass(frozen=True)
class Outcome:
    """Result of one check.

    Attributes:
        component: Name of the check.
        status: ``healthy``, ``degraded`` or ``unhealthy``.
        message: Public text: words of a fixed vocabulary and numbers.
        detail: For admins: the exception that caused the status, scrubbed.
        seconds: Duration of the check.
        facts: Public facts.
        private_facts: For admins: they replace public facts of the same name.
        at: Time of the result.
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
        """The outcome as an exception of django-health-check; None if healthy."""
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
    """Results of several checks."""

    outcomes: Mapping[str, Outcome]
    checked_at: datetime = field(default_factory=timezone.now)

    @property
    def status(self) -> str:
        """The worst status of all components."""
        return max((outcome.status for outcome in self.outcomes.values()), key=STATUSES.index, default=HEALTHY)

    def as_dict(self, *, is_admin: bool = False) -> dict[str, Any]:
        """Return ``{"status", "timestamp", "checks": {component: {"status", "message", ...}}}``."""
        checks = {name: outcome.as_dict(is_admin=is_admin) for name, outcome in self.outcomes.items()}
        return {"status": self.status, "timestamp": iso_utc(self.checked_at), "checks": checks}
