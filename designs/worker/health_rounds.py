"""Health checks without a visitor: beat checks what it can see, and a worker what only it can see.

Beat checks in its own process, since a scheduled task does not run when all workers are gone. Storage and the CAD
kernel are used by workers, perhaps on hosts with other mounts, so a task checks these.
"""

from __future__ import annotations

from celery.signals import beat_init, worker_init

from designs.conf import conf
from designs.monitoring import HealthChecker
from integrations.celery.scheduler import Round, rounds

__all__ = ["BEAT_COMPONENTS", "WORKER_COMPONENTS", "connect"]

BEAT_COMPONENTS = ("database", "redis", "celery", "sentry", "beat")
WORKER_COMPONENTS = ("storage", "kernel")


def connect() -> None:
    """Have beat make its rounds, and findings name the kind of their process."""
    rounds["health"] = Round(lambda: HealthChecker.report(BEAT_COMPONENTS), lambda: conf.health_round_seconds)
    beat_init.connect(_in_beat, weak=False, dispatch_uid="enginel.health_in_beat")
    worker_init.connect(_in_worker, weak=False, dispatch_uid="enginel.health_in_worker")


def _in_beat(**signal: object) -> None:
    HealthChecker.observe_as("beat")


def _in_worker(**signal: object) -> None:
    HealthChecker.observe_as("worker")
