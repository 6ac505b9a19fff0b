"""What beat has done for the monitoring, again and again. Each is short, and one that comes late is not worth doing."""

from __future__ import annotations

from celery import shared_task

from designs.monitoring import guarded
from integrations.sentry import replay_outbox

__all__ = ["replay_sentry_outbox"]


@shared_task(name="designs.tasks_monitoring.replay_sentry_outbox", ignore_result=True)
def replay_sentry_outbox() -> int:
    """Send Sentry what it could not take before; return how many events it took."""
    with guarded("replay_sentry_outbox"):
        return replay_outbox().sent
    return 0
