"""What beat has done for the monitoring, again and again. Each is short, and one that comes late is not worth doing."""

from __future__ import annotations

from celery import shared_task

from designs.monitoring import send_window_summaries as send

__all__ = ["send_window_summaries"]


@shared_task(name="designs.tasks_monitoring.send_window_summaries", ignore_result=True)
def send_window_summaries() -> int:
    """Tell Sentry what the gate held back in windows that are over; return for how many groups."""
    return send()
