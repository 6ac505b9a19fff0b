"""Celery signals that record task failures and carry the request context into tasks.

A failure inside a task fires ``task_failure`` in the pool process, with the exception object that other hooks also
receive. A killed pool process and the hard time limit fire it in the worker's main process; the hard limit fires it
twice for one delivery of the message. Task ids do not identify a failure: an attempt may fail for a second reason, and
an application may reuse a task id. A task that ends by Ignore or Reject has not failed. `designs.worker.lost_tasks`
handles tasks that never run.
"""

from __future__ import annotations

import inspect
import re
import sys
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextvars import Token
from dataclasses import dataclass, field, replace
from types import CodeType
from typing import Any

from billiard.exceptions import TimeLimitExceeded, WorkerLostError
from celery import signals
from celery.exceptions import Ignore, Reject, Retry
from celery.exceptions import TimeLimitExceeded as CeleryTimeLimitExceeded
from celery.utils.serialization import UnpickleableExceptionWrapper

from designs import context, tasks
from designs.exceptions import EnginelBaseException
from designs.monitoring import WITHHELD, ErrorTracker, guarded, is_withheld, own_words, redact_text
from designs.worker import controlled_tasks
from integrations.celery.result_backend import ends_controlled_chord
from integrations.sentry import fresh_scope

__all__ = ["connect"]

_PREFIX = "designs."
_RECEIVED_MAX = 4_096
_INTERRUPTED = "Processing was interrupted. Finalize the design again."

_ENDED_BY_POOL = (TimeLimitExceeded, CeleryTimeLimitExceeded, WorkerLostError)
_MAX_CONTEXTS = 20
_REPRESENTATIONS = frozenset({"argsrepr", "kwargsrepr"})
_UUID = r"'[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}'"
# Matches empty arguments and arguments that are all ids.
_IDS = re.compile(rf"\(\)\Z|\{{\}}\Z|[(\[]{_UUID},?(?: {_UUID},?)*[)\]]\Z")


@dataclass
class _Delivery:
    """Facts of a received message that later signals do not carry; kept by the main process.

    Attributes:
        run: Context of the request that queued the task.
        attempt: Number of earlier attempts.
        root: Id of the first task of the same processing; empty if unknown.
        reported: Failures that the main process has already recorded.
    """

    run: context.RunContext
    attempt: int = 0
    root: str = ""
    reported: set[str] = field(default_factory=set)


_received: OrderedDict[str, _Delivery] = OrderedDict()
_received_lock = threading.RLock()
_latest_internal = threading.local()
_tokens: dict[str, list[Token[context.RunContext]]] = {}


def connect() -> None:
    """Connect all receivers; Celery's weak references suffice, since the functions live as long as the module."""
    signals.before_task_publish.connect(carry_context, dispatch_uid="enginel.carry_context")
    signals.task_received.connect(remember_request, dispatch_uid="enginel.remember_request")
    signals.task_prerun.connect(enter_task, dispatch_uid="enginel.enter_task")
    signals.task_postrun.connect(leave_task, dispatch_uid="enginel.leave_task")
    signals.task_failure.connect(record_failure, dispatch_uid="enginel.record_failure")
    signals.task_internal_error.connect(record_internal_error, dispatch_uid="enginel.record_internal_error")


def carry_context(headers: dict[str, Any] | None = None, **kwargs: object) -> None:
    """Add the context of the queueing request to the message headers, and remove secrets from the headers."""
    with guarded("carry_context"):
        if headers is not None:
            carried = headers.setdefault(context.HEADER, context.to_headers(context.current()))
            is_controlled = context.is_controlled() or ends_controlled_chord()
            if is_controlled:
                # A retry reuses the headers of an attempt that may have loaded the design after they were written.
                given = carried if isinstance(carried, Mapping) else {}
                carried = headers[context.HEADER] = {**given, "is_controlled": True}
            is_to_be_withheld = context.from_headers(headers).is_controlled
            # Workers log these and send them in events, in place of the arguments.
            for name in _REPRESENTATIONS.intersection(headers):
                text = str(headers[name])
                headers[name] = redact_text(text) if not is_to_be_withheld or _IDS.match(text) else WITHHELD


def remember_request(request: Any = None, **kwargs: object) -> None:
    """Main process: keep the facts that a later failure signal of this task does not carry."""
    with guarded("remember_request"):
        headers = request.request_dict
        delivery = _delivery_of(headers, request.id)
        if delivery.run.is_controlled:
            controlled_tasks.note(request.id)
        with _received_lock:
            _keep(request.id, delivery)


def _keep(task_id: str, delivery: _Delivery) -> _Delivery:
    _received[task_id] = delivery
    if len(_received) > _RECEIVED_MAX:
        _received.popitem(last=False)
    return delivery


def _delivery_of(headers: Mapping[str, Any], task_id: str) -> _Delivery:
    # Eager steps do not carry the id of the first task.
    root = "" if headers.get("is_eager") else str(headers.get("root_id") or task_id)
    return _Delivery(context.from_headers(headers), int(headers.get("retries") or 0), root)


def enter_task(task_id: str = "", task: Any = None, **kwargs: object) -> None:
    with guarded("enter_task"):
        headers = {context.HEADER: task.request.get(context.HEADER)}
        # An eager task has no message: it runs in the context of the code that queued it.
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
        if carried.is_controlled:
            context.set_controlled()
        # `designs.monitoring.controlled.origins` finds it later, in the frames of an exception of this task.
        getattr(task.request, "__dict__", {})[context.CELL] = context.cells()[0]
        # An eager retry runs inside the previous attempt, under the same id.
        _tokens.setdefault(task_id, []).append(token)


def leave_task(task_id: str = "", task: Any = None, **kwargs: object) -> None:
    tokens = _tokens.get(task_id)
    if tokens:
        is_controlled = context.is_controlled()
        context.unbind(tokens.pop())
        # A controlled eager task makes the code that runs it controlled, too.
        if is_controlled and task is not None and task.request.is_eager:
            context.set_controlled()
        if not tokens:
            del _tokens[task_id]


def record_failure(
    sender: Any = None,
    task_id: str = "",
    exception: BaseException | None = None,
    args: Sequence[Any] | None = None,
    **kwargs: object,
) -> None:
    """Record a failed task once and mark its design as failed."""
    if exception is None or isinstance(exception, Ignore | Reject | Retry):
        return
    with guarded("record_failure"):
        if task_id in _tokens:
            here = _Delivery(
                _run_here(sender, task_id), int(sender.request.retries or 0), tasks.root_of(sender.request)
            )
            _record(sender, _raised(exception), here, args)
        elif (delivery := _not_reported(task_id, exception)) is not None:
            with fresh_scope():
                _record(sender, exception, replace(delivery, run=_run_of(sender, task_id, delivery.run)), args)


def record_internal_error(
    sender: Any = None,
    task_id: str = "",
    exception: BaseException | None = None,
    args: Sequence[Any] | None = None,
    request: object = None,
    **kwargs: object,
) -> None:
    """Record an error of Celery around a task's body, after the body's failure that Celery could not report.

    Celery sends this signal if, for instance, the result backend is unreachable when the task fails. ``task_failure``
    is missing then, and the context of the task has ended.
    """
    facts = request if isinstance(request, Mapping) else {}
    if exception is None or (facts.get("is_eager") and not sender.name.startswith(_PREFIX)):
        # An eager task raises the exception to its caller, which decides whether it is a failure.
        return
    with guarded("record_internal_error"):
        delivery = _delivery_of(facts, task_id) if facts else None
        with _received_lock:
            delivery = delivery or _received.get(task_id) or _Delivery(context.RunContext())
        delivery = replace(delivery, run=_run_of(sender, task_id, delivery.run))
        body = _failure_of_body(sender, exception)
        if body is not None:
            _record(sender, body, delivery, args)
        if exception is not body and not _follows_a_recorded(task_id, exception):
            _latest_internal.error = task_id, id(exception)
            _record(sender, exception, delivery, None if body is not None else args)


def _run_here(sender: Any, task_id: str) -> context.RunContext:
    """Return the context of a task that runs in this process, even if its body has served a request since."""
    run = context.current()
    if run.task_id == task_id:
        return run
    return _run_of(sender, task_id, context.from_headers({context.HEADER: sender.request.get(context.HEADER)}))


def _raised(exception: BaseException) -> BaseException:
    """Return the exception that the task raised; the signal carries a substitute if it cannot be pickled."""
    handled = sys.exc_info()[1]
    if isinstance(exception, UnpickleableExceptionWrapper):
        return handled or exception
    return handled if isinstance(handled, type(exception)) else exception


def _not_reported(task_id: str, exception: BaseException) -> _Delivery | None:
    """Main process: return the failed delivery; None if the same failure was already reported.

    The timer reports the hard time limit, and the pool reports it again when it notices the end of the process.
    """
    failure = "pool" if isinstance(exception, _ENDED_BY_POOL) else type(exception).__qualname__
    with _received_lock:
        delivery = _received.get(task_id) or _keep(task_id, _Delivery(context.RunContext()))
        if failure in delivery.reported:
            return None
        delivery.reported.add(failure)
        return delivery


def _contexts(exc: BaseException) -> Iterator[BaseException]:
    """Yield the exceptions of the implicit chain (``__context__``), innermost first."""
    for _ in range(_MAX_CONTEXTS):
        if exc.__context__ is None:
            return
        exc = exc.__context__
        yield exc


def _failure_of_body(task: Any, exc: BaseException) -> BaseException | None:
    """Return the failure of the task's own code that Celery was handling when Celery itself failed."""
    run = inspect.unwrap(task.run)
    code = getattr(getattr(run, "__func__", run), "__code__", None)
    return next((one for one in (exc, *_contexts(exc)) if isinstance(code, CodeType) and _passed(one, code)), None)


def _passed(exc: BaseException, code: CodeType) -> bool:
    step = exc.__traceback__
    while step is not None:
        if step.tb_frame.f_code is code:
            return True
        step = step.tb_next
    return False


def _follows_a_recorded(task_id: str, exc: BaseException) -> bool:
    """Return whether Celery repeats the signal because it could not store an internal error as the task's result.

    The first error is still alive then, as the context of the second, so that its ``id()`` is not reused.
    """
    known = getattr(_latest_internal, "error", None)
    return any((task_id, id(one)) == known for one in _contexts(exc))


def _run_of(sender: Any, task_id: str, carried: context.RunContext) -> context.RunContext:
    known = {**_fields(carried), "task": sender.name, "task_id": task_id}
    # Some failures are reported after the context of the task has ended.
    known["is_controlled"] = carried.is_controlled or controlled_tasks.is_noted(task_id)
    return context.RunContext(**known)


def _record(sender: Any, exception: BaseException, delivery: _Delivery, args: Sequence[Any] | None) -> None:
    severity = exception.severity if isinstance(exception, EnginelBaseException) else "ERROR"
    with context.use(delivery.run):
        facts = {"task_id": delivery.run.task_id, "attempt": delivery.attempt + 1}
        facts |= tasks.failure_context(sender.name, args)
        record = ErrorTracker.log_error(exception, facts, severity=severity, source="celery")
        outcome = {**_outcome(exception, sender.name), "error_id": record.get("event_id", "")}
    if sender.name.startswith(_PREFIX) and args:
        with guarded("mark_failed"):
            tasks.mark_failed(str(args[0]), **outcome, task_id=delivery.root)


def _fields(run: context.RunContext) -> Mapping[str, Any]:
    return {name: getattr(run, name) for name in context.RunContext.__dataclass_fields__}


def _outcome(exception: BaseException, task: str) -> dict[str, Any]:
    if isinstance(exception, EnginelBaseException):
        detail = own_words(exception) if is_withheld(exception) else str(exception.detail)
        status, details = exception.status_code, exception.details
        return {"code": exception.code, "detail": detail, "status": status, "details": details}
    if isinstance(exception, TimeLimitExceeded | CeleryTimeLimitExceeded):
        return _outcome(tasks.processing_timed_out(task), task)
    failure = EnginelBaseException(_INTERRUPTED if isinstance(exception, WorkerLostError) else None)
    return {"code": failure.code, "detail": str(failure.detail), "status": failure.status_code}


def reset() -> None:
    """Replace the lock after a fork: the pool forks in its own thread while another thread may hold the lock."""
    global _received_lock  # noqa: PLW0603 - one lock per process
    _received_lock = threading.RLock()
