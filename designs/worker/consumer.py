"""A worker's consumer that tells of every message it refuses. Imported by workers only, by name.

Celery sends ``task_rejected`` for a message that is no task and for one of a content type it may not read, but no
signal for one whose body it cannot decode: it logs that one and drops it. Its documented setting ``worker_consumer``
and public callback `on_decode_error` are a steadier hold than the wording of a log line.

One whose body is sound JSON of the wrong shape ends the whole worker: nobody expects the error of taking it apart.

A task that a rate limit holds back is due when the limit lets it run: its time in the bucket is no wait for a worker.

A broker that is away is tried every second; Celery itself waits longer each time, up to half a minute.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from celery import signals
from celery.exceptions import InvalidTaskError
from celery.worker import consumer
from kombu.utils.limits import TokenBucket

from integrations.celery.heartbeats import QUEUED_AT_HEADER, due_at, held_requests

__all__ = ["Consumer"]

_RETRY_SECONDS = 1


class _Bucket(TokenBucket):
    """Celery's bucket of a rate limit, which notes what it holds and when it lets a task run."""

    _next: Any = None

    def add(self, item: tuple[Any, float]) -> None:
        held_requests.add(item[0])
        super().add(item)

    def pop(self) -> Any:
        item = super().pop()
        self._next = item[0]
        return item

    def can_consume(self, tokens: int = 1) -> bool:
        allowed = bool(super().can_consume(tokens))
        if allowed and self._next is not None:
            held_requests.discard(self._next)
            headers = self._next.request_dict
            headers[QUEUED_AT_HEADER] = max(due_at(headers), time.time())
            self._next = None
        return allowed

    def clear_pending(self) -> None:
        for request, _ in self.contents:  # type: ignore[attr-defined]  # the stubs leave it out
            held_requests.discard(request)
        super().clear_pending()


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

    def bucket_for_task(self, type: Any) -> Any:  # noqa: A002 - its name in Celery
        bucket = super().bucket_for_task(type)
        return bucket and _Bucket(bucket.fill_rate, bucket.capacity)

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
