"""Periodic Celery tasks of the monitoring. Each is short, and a late run is not worth doing."""

from __future__ import annotations

from celery import shared_task

from designs.monitoring import HealthChecker, guarded
from designs.worker.health_rounds import WORKER_COMPONENTS
from integrations.sentry import replay_outbox

__all__ = ["check_health", "replay_sentry_outbox"]


@shared_task(name="designs.tasks_monitoring.replay_sentry_outbox", ignore_result=True)
def replay_sentry_outbox() -> int:
    """Send the events of the outbox to Sentry; return how many were sent."""
    with guarded("replay_sentry_outbox"):
        return replay_outbox().sent
    return 0


@shared_task(name="designs.tasks_monitoring.check_health", ignore_result=True)
def check_health() -> str:
    """Check the components that only workers can reach; return the worst state."""
    return HealthChecker.report(WORKER_COMPONENTS).status
