"""What beat has done for the monitoring, again and again. Each is short, and one that comes late is not worth doing."""

from __future__ import annotations

from celery import shared_task

from designs.monitoring import guarded
from designs.monitoring import send_window_summaries as send
from integrations.sentry import replay_outbox

__all__ = ["replay_sentry_outbox", "send_window_summaries"]


@shared_task(name="designs.tasks_monitoring.replay_sentry_outbox", ignore_result=True)
def replay_sentry_outbox() -> int:
    """Send Sentry what it could not take before; return how many events it took."""
    with guarded("replay_sentry_outbox"):
        return replay_outbox().sent
    return 0


@shared_task(name="designs.tasks_monitoring.send_window_summaries", ignore_result=True)
def send_window_summaries() -> int:
    """Tell Sentry what the gate held back in windows that are over; return for how many groups."""
    return send()
