"""Celery worker consumer that sends ``task_rejected`` for every refused message. Imported by workers only, by name.

Celery sends ``task_rejected`` for a message that is no task and for one with a refused content type. It sends no signal
for a body that it cannot decode: it logs the message and drops it. The documented setting ``worker_consumer`` and the
public callback `on_decode_error` are more stable to build on than the wording of a log line.

A body of valid JSON with the wrong shape would end the whole worker: Celery does not catch the error of unpacking it.

A rate-limited task is due when its limit lets it run: its time in the bucket is not time spent waiting for a worker.

An unreachable broker is retried every second. Celery itself backs off to half a minute.
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
    """Rate-limit bucket that publishes its held requests and stamps each task with the time at which it may run."""

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
        for request, _ in self.contents:  # type: ignore[attr-defined]  # missing in the stubs
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

    def bucket_for_task(self, type: Any) -> Any:  # noqa: A002 - Celery's parameter name
        bucket = super().bucket_for_task(type)
        return bucket and _Bucket(bucket.fill_rate, bucket.capacity)

    def ensure_connected(self, conn: Any) -> Any:
        conn.ensure_connection = partial(
            conn.ensure_connection, interval_start=_RETRY_SECONDS, interval_step=0, interval_max=_RETRY_SECONDS
        )
        return super().ensure_connected(conn)

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        # Before the message is acknowledged: a repeated report counts once, a missing report is lost.
        signals.task_rejected.send(sender=self, message=message, exc=exc)
        super().on_decode_error(message, exc)


def _is_misshapen(message: Any) -> bool:
    if not (isinstance(message.headers, dict) and "task" in message.headers):
        return False
    try:
        payload = message.payload  # decoded once: the message caches it
    except Exception:  # noqa: BLE001 - the handler decodes it again and reports the failure
        return False
    if isinstance(payload, dict):
        return "args" not in payload  # protocol 1: the body is a mapping
    if not (isinstance(payload, list | tuple) and len(payload) == 3):
        return True
    return not (isinstance(payload[0], list | tuple) and isinstance(payload[1], dict))
