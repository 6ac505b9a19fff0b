"""A worker's consumer that tells of every message it refuses. Imported by workers only, by name.

Celery sends ``task_rejected`` for a message that is no task and for one of a content type it may not read, but no
signal for one whose body it cannot decode: it logs that one and drops it. Its documented setting ``worker_consumer``
and public callback `on_decode_error` are a steadier hold than the wording of a log line.

One whose body is sound JSON of the wrong shape ends the whole worker: nobody expects the error of taking it apart.

A broker that is away is tried every second; Celery itself waits longer each time, up to half a minute.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from celery import signals
from celery.exceptions import InvalidTaskError
from celery.worker import consumer

__all__ = ["Consumer"]

_RETRY_SECONDS = 1


class Consumer(consumer.Consumer):
    """Celery's consumer, with ``task_rejected`` for undecodable and misshapen messages too."""

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Any], Any]:
        handle: Callable[[Any], Any] = super().create_task_handler(*args, **kwargs)

        def on_task_received(message: Any) -> Any:
            if _is_misshapen(message):
                return self.on_invalid_task(
                    None, message, InvalidTaskError("The body is not args, kwargs and options.")
                )
            return handle(message)

        return on_task_received

    def ensure_connected(self, conn: Any) -> Any:
        conn.ensure_connection = partial(
            conn.ensure_connection, interval_start=_RETRY_SECONDS, interval_step=0, interval_max=_RETRY_SECONDS
        )
        return super().ensure_connected(conn)

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        # Before the message is acknowledged: what is told twice counts once, what is never told is lost.
        signals.task_rejected.send(sender=self, message=message, exc=exc)
        super().on_decode_error(message, exc)


def _is_misshapen(message: Any) -> bool:
    if not (isinstance(message.headers, dict) and "task" in message.headers):
        return False
    try:
        payload = message.payload  # decoded once: the message keeps it
    except Exception:  # noqa: BLE001 - the handler meets it again, and tells of it
        return False
    if isinstance(payload, dict):
        return "args" not in payload  # the older form of a body names its parts
    if not (isinstance(payload, list | tuple) and len(payload) == 3):
        return True
    return not (isinstance(payload[0], list | tuple) and isinstance(payload[1], dict))
