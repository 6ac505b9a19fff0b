"""Celery's signals, turned into the calls the middleware makes.

A failure inside the task fires ``task_failure`` in the pool child; a killed child and the hard time limit fire it in
the worker's main process, the latter twice. The operation id (task id, attempt) makes all of them one occurrence.
A message no task can be made of is a failure too. A task that somebody revoked, that expired, or that ends by Ignore
or Reject ended as it was told to.
"""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextvars import Token
from typing import Any

from billiard.exceptions import TimeLimitExceeded, WorkerLostError
from celery import signals
from celery.exceptions import Ignore, NotRegistered, Reject, Retry
from celery.exceptions import TimeLimitExceeded as CeleryTimeLimitExceeded

from designs import context, tasks
from designs.cad import start_kernel
from designs.exceptions import EnginelBaseException, TaskTimeoutError
from designs.monitoring import ErrorTracker, guarded
from integrations.heartbeat import QUEUED_AT_HEADER

__all__ = ["connect"]

_PREFIX = "designs."
_RECEIVED_MAX = 4_096
_CELERYS_CONSUMER = "celery.worker.consumer:Consumer"
_OUR_CONSUMER = "designs.celery_consumer:Consumer"
_INTERRUPTED = "Processing was interrupted. Upload the file again."

_received: OrderedDict[str, tuple[context.RunContext, int]] = OrderedDict()
_received_lock = threading.RLock()
_tokens: dict[str, list[Token[context.RunContext]]] = {}


def connect() -> None:
    """Connect all receivers; strong references, since functions of a module live as long as it does."""
    signals.before_task_publish.connect(carry_context, dispatch_uid="enginel.carry_context")
    signals.worker_process_init.connect(warm_kernel, dispatch_uid="enginel.warm_kernel")
    signals.task_received.connect(remember_request, dispatch_uid="enginel.remember_request")
    signals.task_prerun.connect(enter_task, dispatch_uid="enginel.enter_task")
    signals.task_postrun.connect(leave_task, dispatch_uid="enginel.leave_task")
    signals.task_failure.connect(record_failure, dispatch_uid="enginel.record_failure")
    # What fails around a task's body may be told by this alone; what both tell is one operation.
    signals.task_internal_error.connect(record_failure, dispatch_uid="enginel.record_internal_error")
    signals.task_unknown.connect(record_unknown_task, dispatch_uid="enginel.record_unknown_task")
    signals.task_rejected.connect(record_refused_message, dispatch_uid="enginel.record_refused_message")
    signals.celeryd_init.connect(use_our_consumer, dispatch_uid="enginel.use_our_consumer")


def use_our_consumer(conf: Any = None, **kwargs: object) -> None:
    """Let workers tell of undecodable messages, unless the deployment has a consumer of its own."""
    with guarded("use_our_consumer"):
        if conf.worker_consumer == _CELERYS_CONSUMER:
            conf.worker_consumer = _OUR_CONSUMER


def warm_kernel(**kwargs: object) -> None:
    """Load the CAD kernel while nobody waits: its deadline for a file does not count the second it takes."""
    with guarded("warm_kernel"):
        start_kernel()


def carry_context(headers: dict[str, Any] | None = None, **kwargs: object) -> None:
    """Put the queueing request's context and the time into the message headers."""
    with guarded("carry_context"):
        if headers is not None:
            headers.setdefault(context.HEADER, context.to_headers(context.current()))
            headers.setdefault(QUEUED_AT_HEADER, time.time())


def remember_request(request: Any = None, **kwargs: object) -> None:
    """Main process: keep what a later failure signal of this task will not carry."""
    with guarded("remember_request"):
        headers = request.request_dict
        with _received_lock:
            _received[request.id] = (context.from_headers(headers), int(headers.get("retries") or 0))
            if len(_received) > _RECEIVED_MAX:
                _received.popitem(last=False)


def enter_task(task_id: str = "", task: Any = None, **kwargs: object) -> None:
    with guarded("enter_task"):
        headers = {context.HEADER: task.request.get(context.HEADER)}
        # An eager task has no message: it runs inside what queued it.
        carried = context.from_headers(headers) if headers[context.HEADER] else context.current()
        token = context.bind(
            request_id=carried.request_id or context.accept_request_id(None),
            user_id=carried.user_id,
            method=carried.method,
            path=carried.path,
            trace_id=carried.trace_id,
            task=task.name,
            task_id=task_id,
        )
        # An eager retry runs inside the attempt before it, under the same id.
        _tokens.setdefault(task_id, []).append(token)


def leave_task(task_id: str = "", **kwargs: object) -> None:
    tokens = _tokens.get(task_id)
    if tokens:
        context.unbind(tokens.pop())
        if not tokens:
            del _tokens[task_id]


def record_failure(
    sender: Any = None,
    task_id: str = "",
    exception: BaseException | None = None,
    args: Sequence[Any] | None = None,
    **kwargs: object,
) -> None:
    """Record a failed task once and tell its design."""
    if exception is None or isinstance(exception, Ignore | Reject | Retry):
        return
    with guarded("record_failure"):
        record = _record(sender, task_id, exception)
        if sender.name.startswith(_PREFIX) and args:
            with guarded("mark_failed"):
                tasks.mark_failed(str(args[0]), **_outcome(exception), error_id=record.get("event_id", ""))


def record_unknown_task(name: str = "", message: Any = None, **kwargs: object) -> None:
    """Record a message for a task this worker does not know."""
    with guarded("record_unknown_task"):
        _record_message(NotRegistered(name), message)


def record_refused_message(message: Any = None, exc: BaseException | None = None, **kwargs: object) -> None:
    """Record a message that cannot be read as a task: undecodable, of a refused content type, or none at all."""
    with guarded("record_refused_message"):
        _record_message("A message that is no task" if exc is None else exc, message)


def _record_message(error: object, message: Any) -> None:
    headers = message.headers if isinstance(message.headers, Mapping) else {}
    task_id, attempt = str(headers.get("id") or ""), headers.get("retries")
    attempt = attempt if isinstance(attempt, int) else 0
    known = {**_fields(context.from_headers(headers)), "task": str(headers.get("task") or ""), "task_id": task_id}
    # Never the body: it may hold anything, and nobody could scrub what nobody can read.
    facts = {
        "task_id": task_id,
        "attempt": attempt + 1,
        "content_type": message.content_type,
        "content_encoding": message.content_encoding,
    }
    with context.use(context.RunContext(**known)):
        ErrorTracker.log_error(error, facts, source="celery", operation=f"task:{task_id}:{attempt}" if task_id else "")


def _record(sender: Any, task_id: str, exception: BaseException) -> dict[str, Any]:
    run = context.current()
    attempt = int(sender.request.retries or 0)
    if run.task_id != task_id:
        with _received_lock:
            # Kept, for the hard time limit tells it twice.
            carried, attempt = _received.get(task_id, (context.RunContext(), 0))
        run = context.RunContext(**{**_fields(carried), "task": sender.name, "task_id": task_id})
    severity = exception.severity if isinstance(exception, EnginelBaseException) else "ERROR"
    with context.use(run):
        return ErrorTracker.log_error(
            exception,
            {"task_id": task_id, "attempt": attempt + 1},
            severity=severity,
            source="celery",
            operation=f"task:{task_id}:{attempt}",
        )


def _fields(run: context.RunContext) -> Mapping[str, str]:
    return {name: getattr(run, name) for name in context.RunContext.__dataclass_fields__}


def _outcome(exception: BaseException) -> dict[str, Any]:
    if isinstance(exception, EnginelBaseException):
        return {"code": exception.code, "detail": str(exception.detail), "status": exception.status_code}
    if isinstance(exception, TimeLimitExceeded | CeleryTimeLimitExceeded):
        timeout = TaskTimeoutError()
        return {"code": timeout.code, "detail": str(timeout.detail), "status": timeout.status_code}
    failure = EnginelBaseException(_INTERRUPTED if isinstance(exception, WorkerLostError) else None)
    return {"code": failure.code, "detail": str(failure.detail), "status": failure.status_code}


def _after_fork() -> None:
    global _received_lock  # noqa: PLW0603 - the pool forks in a thread of its own
    _received_lock = threading.RLock()


os.register_at_fork(after_in_child=_after_fork)
