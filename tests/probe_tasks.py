"""Tasks that fail in every way a task can; the worker of the flow tests runs them beside the real ones."""

from __future__ import annotations

import os
import signal

from designs.exceptions import GeometryProcessingError
from designs.monitoring import ErrorTracker
from enginel.celery import app

__all__ = ["app"]


@app.task(name="probe.fail")
def fail(message: str) -> None:
    raise ValueError(message)


@app.task(name="probe.fail_ours")
def fail_ours() -> None:
    raise GeometryProcessingError("no such luck", details={"stage": "transfer"})


@app.task(name="probe.log_and_raise")
def log_and_raise() -> None:
    try:
        raise KeyError("logged first")
    except KeyError as error:
        ErrorTracker.log_error(error, {"seen_by": "the task itself"})
        raise


@app.task(name="probe.die")
def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


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
