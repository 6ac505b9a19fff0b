"""Celery signals about tasks that never run: revoked, expired, unknown to this worker, or unreadable.

A message that cannot be read as a task is a failure. A revoked or expired task is no failure, but its design is marked
as failed: nothing else would end the processing of that design.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from celery import signals
from celery.exceptions import NotRegistered

from designs import context, tasks
from designs.monitoring import ErrorTracker, guarded
from integrations.sentry import fresh_scope

__all__ = ["connect"]

_PREFIX = "designs."


def connect() -> None:
    """Connect all receivers."""
    signals.task_unknown.connect(record_unknown_task, dispatch_uid="enginel.record_unknown_task")
    signals.task_revoked.connect(fail_revoked, dispatch_uid="enginel.fail_revoked")
    signals.task_rejected.connect(record_refused_message, dispatch_uid="enginel.record_refused_message")


def fail_revoked(sender: Any = None, request: Any = None, expired: bool = False, **kwargs: object) -> None:
    """Fail the design of a revoked or expired task; record no error, since a person or a schedule decided that."""
    with guarded("fail_revoked"):
        if sender.name in tasks.STEPS:
            failure = tasks.processing_expired() if expired else tasks.processing_cancelled()
            tasks.mark_interrupted(tasks.root_of(request), failure)


def record_unknown_task(name: str = "", message: Any = None, **kwargs: object) -> None:
    """Record a message for a task that is not registered in this worker."""
    with guarded("record_unknown_task"):
        _record_message(NotRegistered(name), message)


def record_refused_message(message: Any = None, exc: BaseException | None = None, **kwargs: object) -> None:
    """Record a message that cannot be read as a task: undecodable, of a refused content type, or not a task at all."""
    with guarded("record_refused_message"):
        _record_message("A message that is no task" if exc is None else exc, message)


def _record_message(error: object, message: Any) -> None:
    headers = message.headers if isinstance(message.headers, Mapping) else {}
    task_id, attempt = str(headers.get("id") or ""), headers.get("retries")
    attempt = attempt if isinstance(attempt, int) else 0
    run = replace(context.from_headers(headers), task=str(headers.get("task") or ""), task_id=task_id)
    # Without the body: it may hold anything, and unreadable data cannot be scrubbed.
    facts = {
        "task_id": task_id,
        "attempt": attempt + 1,
        "content_type": message.content_type,
        "content_encoding": message.content_encoding,
    }
    # The same message may be delivered again. Another message with the same task id is another failure.
    tag = getattr(message, "delivery_tag", "")
    operation = f"message:{task_id}:{attempt}:{type(error).__name__}:{tag}" if task_id else ""
    with fresh_scope(), context.use(run):
        record = ErrorTracker.log_error(error, facts, source="celery", operation=operation)
    if run.task.startswith(_PREFIX):
        # The message is gone: if it was a processing step, nothing else will end the processing of its design.
        root = str(headers.get("root_id") or task_id)
        tasks.mark_interrupted(root, tasks.processing_lost(), error_id=record.get("event_id", ""))
