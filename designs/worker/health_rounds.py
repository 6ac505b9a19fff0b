"""Periodic health checks: in beat, and in a worker task for the components that only workers can reach.

Beat checks in its own process, since a scheduled task does not run when all workers are gone. Workers use storage and
the CAD kernel, perhaps on hosts with other mounts, so a task checks these.
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
    """Register the health round of beat, and label findings with the kind of their process."""
    rounds["health"] = Round(lambda: HealthChecker.report(BEAT_COMPONENTS), lambda: conf.health_round_seconds)
    beat_init.connect(_in_beat, weak=False, dispatch_uid="enginel.health_in_beat")
    worker_init.connect(_in_worker, weak=False, dispatch_uid="enginel.health_in_worker")


def _in_beat(**signal: object) -> None:
    HealthChecker.observe_as("beat")


def _in_worker(**signal: object) -> None:
    HealthChecker.observe_as("worker")
