"""What beat has done for the monitoring, again and again. Each is short, and one that comes late is not worth doing."""

from __future__ import annotations

from celery import shared_task

from designs.monitoring import HealthChecker, guarded
from designs.worker.health_rounds import WORKER_COMPONENTS
from integrations.sentry import replay_outbox

__all__ = ["check_health", "replay_sentry_outbox"]


@shared_task(name="designs.tasks_monitoring.replay_sentry_outbox", ignore_result=True)
def replay_sentry_outbox() -> int:
    """Send Sentry what it could not take before; return how many events it took."""
    with guarded("replay_sentry_outbox"):
        return replay_outbox().sent
    return 0


@shared_task(name="designs.tasks_monitoring.check_health", ignore_result=True)
def check_health() -> str:
    """Check what workers use and beat cannot see; return the worst state."""
    return HealthChecker.report(WORKER_COMPONENTS).status
