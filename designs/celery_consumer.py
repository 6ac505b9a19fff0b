"""A worker's consumer that tells of every message it refuses. Imported by workers only, by name.

Celery sends ``task_rejected`` for a message that is no task and for one of a content type it may not read, but no
signal for one whose body it cannot decode: it logs that one and drops it. Its documented setting ``worker_consumer``
and public callback `on_decode_error` are a steadier hold than the wording of a log line.
"""

from __future__ import annotations

from typing import Any

from celery import signals
from celery.worker import consumer

__all__ = ["Consumer"]


class Consumer(consumer.Consumer):
    """Celery's consumer, with ``task_rejected`` for undecodable messages too."""

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        # Before the message is acknowledged: what is told twice counts once, what is never told is lost.
        signals.task_rejected.send(sender=self, message=message, exc=exc)
        super().on_decode_error(message, exc)
