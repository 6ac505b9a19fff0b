"""Tasks that fail in every way a task can; the worker of the flow tests runs them beside the real ones."""

from __future__ import annotations

import logging
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import Any

from celery import current_task, signals, signature
from celery.exceptions import Ignore, Reject

from designs.exceptions import CorruptedFile, GeometryProcessingError
from designs.monitoring import ErrorTracker, MetricsCollector
from enginel.celery import app
from tests.guide import documented_task

__all__ = ["app", "documented_task"]

logger = logging.getLogger("probe")


@app.task(name="probe.fail")
def fail(message: str) -> None:
    raise ValueError(message)


@app.task(name="probe.fail_ours")
def fail_ours() -> None:
    raise GeometryProcessingError("no such luck", details={"stage": "transfer"})


@app.task(name="probe.fail_file")
def fail_file(reason: str) -> None:
    raise CorruptedFile(f"a file is damaged: {reason}", details={"stage": "sniff", "reason": reason})


@app.task(name="probe.log_and_raise")
def log_and_raise() -> None:
    try:
        raise KeyError("logged first")
    except KeyError as error:
        ErrorTracker.log_error(error, {"seen_by": "the task itself"})
        raise


@app.task(name="probe.handles_calls")
def handles_calls() -> str:
    """Calls another task's function in all ways Python knows, and handles its failure each time."""
    for call in (fail, fail.run, fail.__call__, calls_deep):
        with suppress(ValueError):
            call("handled")
    return "fine"


@app.task(name="probe.calls_deep")
def calls_deep(message: str, depth: int = 3) -> None:
    if depth:
        calls_deep(message, depth - 1)
    fail(message)


@app.task(name="probe.handles_then_fails")
def handles_then_fails() -> None:
    handles_calls()
    raise KeyError("its own failure")


@app.task(name="probe.handles_then_fails_alike")
def handles_then_fails_alike() -> None:
    handles_calls()
    raise ValueError("its own failure")


@app.task(name="probe.wraps_call")
def wraps_call() -> None:
    try:
        fail("handled by another failure")
    except ValueError as error:
        raise LookupError("what it means") from error


@app.task(name="probe.passes_on")
def passes_on() -> None:
    calls_deep("passed on")


class Alone(Exception):
    """Each of them is a group of its own, whose first occurrence always goes to Sentry."""

    @property
    def error_fingerprint(self) -> list[str]:
        return [f"alone {self}"]


@app.task(name="probe.fail_alone")
def fail_alone(group: str) -> None:
    raise Alone(group)


@app.task(name="probe.fail_with")
def fail_with(results: Any) -> None:
    raise ValueError(results)


@app.task(name="probe.body")
def body(*results: Any) -> str:
    return "fine"


@app.task(name="probe.start")
def start(workflow: dict[str, Any]) -> None:
    signature(workflow, app=app).apply_async()


@app.task(name="probe.errback")
def errback(task_id: str) -> str:
    return "fine"


@app.task(name="probe.inline_errback")
def inline_errback(request: Any, error: Any, traceback: Any) -> str:
    return "fine"


class Unpicklable(Exception):
    def __init__(self, lock: Any) -> None:
        super().__init__("no way to send this")
        self.lock = lock

    def __reduce__(self) -> Any:
        raise TypeError("not picklable")


@app.task(name="probe.unpicklable")
def unpicklable() -> None:
    raise Unpicklable(object())


@app.task(name="probe.log_unpicklable_and_raise")
def log_unpicklable_and_raise() -> None:
    try:
        raise Unpicklable(object())
    except Unpicklable as error:
        ErrorTracker.log_error(error)
        raise


class Quoted(Exception):
    pass


@app.task(name="probe.log_line_and_raise")
def log_line_and_raise() -> None:
    try:
        raise Quoted("the price list of the supplier is empty")
    except Quoted as error:
        logger.error("could not price: %s", str(error))
        raise


@app.task(name="probe.log_line_and_raise_from")
def log_line_and_raise_from() -> None:
    try:
        raise Quoted("the price list of the customer is empty")
    except Quoted as error:
        logger.error("an order without a price")
        raise LookupError("no order") from error


@app.task(name="probe.end_process")
def end_process(how: str) -> None:
    _end(how)


def _end(how: str) -> None:
    if how == "os._exit":
        os._exit(3)
    if how == "SystemExit":
        sys.exit(3)
    os.kill(os.getpid(), signal.Signals[how])


@app.task(name="probe.late_fail", acks_late=True)
def late_fail() -> None:
    raise ValueError("late")


@app.task(name="probe.late_die", acks_late=True)
def late_die() -> None:
    _end("SIGKILL")


@app.task(name="probe.late_die_once", acks_late=True, reject_on_worker_lost=True)
def late_die_once(died: str) -> str:
    if not Path(died).exists():
        Path(died).touch()
        _end("SIGKILL")
    return "second time lucky"


@app.task(name="probe.lost_and_retried", retry_on_worker_lost=True, max_retries=1, default_retry_delay=0)
def lost_and_retried() -> None:
    _end("SIGKILL")


@app.task(name="probe.hang")
def hang() -> None:
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    while True:
        signal.pause()


@app.task(name="probe.succeed")
def succeed() -> str:
    return "fine"


@app.task(name="probe.retry", bind=True, max_retries=1)
def retry(self: object) -> None:
    try:
        raise OSError("try again")
    except OSError as error:
        raise self.retry(exc=error, countdown=0)  # type: ignore[attr-defined] # noqa: B904


@app.task(name="probe.retry_once", bind=True, max_retries=1)
def retry_once(self: Any) -> str:
    if not self.request.retries:
        raise self.retry(exc=OSError("the first time"), countdown=0)
    return "fine"


@app.task(name="probe.autoretry", autoretry_for=(OSError,), max_retries=1, default_retry_delay=0)
def autoretry() -> None:
    raise OSError("every time")


@app.task(name="probe.delayed")
def delayed() -> str:
    return "in time"


@app.task(name="probe.delayed_retry", bind=True, max_retries=1)
def delayed_retry(self: Any, seconds: float) -> str:
    if not self.request.retries:
        raise self.retry(exc=OSError("the first time"), countdown=seconds)
    return "fine"


@app.task(name="probe.delayed_autoretry", bind=True, autoretry_for=(OSError,), max_retries=1, default_retry_delay=3)
def delayed_autoretry(self: Any) -> str:
    if not self.request.retries:
        raise OSError("the first time")
    return "fine"


@app.task(name="probe.limited", rate_limit="20/m")
def limited() -> str:
    return "in turn"


@app.task(name="probe.late_die_slowly_once", acks_late=True, reject_on_worker_lost=True)
def late_die_slowly_once(died: str, seconds: float) -> str:
    if not Path(died).exists():
        Path(died).touch()
        Event().wait(seconds)
        _end("SIGKILL")
    return "second time lucky"


@app.task(name="probe.custom_processing_task")
def custom_processing_task(*, fails: bool = False) -> None:
    status = "SUCCESS"
    try:
        if fails:
            raise ValueError("it failed")
    except Exception:
        status = "FAILED"
        raise
    finally:
        MetricsCollector.track_celery_task(task_name="custom_processing", duration=0.5, status=status)


@app.task(name="probe.wait")
def wait() -> None:
    while True:
        signal.pause()


@app.task(name="probe.reject", acks_late=True)
def reject() -> None:
    raise Reject("not wanted", requeue=False)


@app.task(name="probe.ignore")
def ignore() -> None:
    raise Ignore


# Only a result that is kept has to be serialisable.
@app.task(name="probe.unserialisable", ignore_result=False)
def unserialisable() -> object:
    return object()


@app.task(name="probe.broken_receiver")
def broken_receiver() -> str:
    return "fine"


@signals.task_success.connect(sender=broken_receiver, weak=False)
def _break(**kwargs: object) -> None:
    raise RuntimeError("a receiver broke")


@app.task(name="probe.quote_design", ignore_result=True)
def quote_design(design_id: str) -> None:
    """Fails as careless code does: with names and lines of the file in every message."""
    from designs.design_files import local_path
    from designs.models import Design

    design = Design.objects.select_related("series").get(pk=design_id)
    with local_path(design) as path:
        content = path.read_text("latin-1")
    logger.warning("reading %s of %s", design.file_name, design)
    logger.error(f"cannot read {content}")  # noqa: G004
    try:
        raise ValueError(content)
    except ValueError as error:
        error.add_note(design.file_name)
        raise GeometryProcessingError(
            f"{design} holds {content}", details={"design_id": str(design.pk), "line": content}
        ) from error


@app.task(name="probe.meets_controlled")
def meets_controlled(backwards: str, then: str = "") -> str:
    """Finds out as it runs that it concerns a controlled design, and reads a name from it."""
    from designs import context

    context.set_controlled()
    name = backwards[::-1]
    current_task.send_event("task-progress", part=name, parts=[name], percent=50)
    current_task.send_event(f"task-{name}", **{name: 1})
    current_task.update_state(state=f"AT {name}", meta={"part": name})
    if then == "fails":
        raise type(name, (ValueError,), {})(name)
    if then == "queues":
        fail.delay(name)
    return name
