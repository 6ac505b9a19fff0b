"""Every kind of event and envelope that leaves the service, made by its real means."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import sentry_sdk
from sentry_sdk.crons import MonitorStatus, capture_checkin

from designs import context
from designs.exceptions import GeometryProcessingError
from designs.monitoring import ErrorTracker
from tests.support.probe_views import doing, raising
from tests.support.sentry_capture import serve

__all__ = ["KINDS"]


def _fail(depth: int = 3) -> None:
    if depth:
        return _fail(depth - 1)
    raise ValueError("broken \x00 \ud800 text\nin two lines")


def _error() -> ValueError:
    try:
        _fail()
    except ValueError as error:
        return error
    raise AssertionError


def _chained() -> None:
    run = context.RunContext(request_id="r" * 32, user_id="7", path="/api/x/", task="designs.scan")
    with context.use(run):
        try:
            try:
                _fail()
            except ValueError as error:
                raise GeometryProcessingError("no solid", details={"faces": [1, 2]}) from error
        except GeometryProcessingError as error:
            ErrorTracker.log_error(error, {"odd": object(), "deep": {"a": [1, {"b": None}]}})


def _group() -> None:
    ErrorTracker.log_error(
        ExceptionGroup("several", [_error(), KeyError("k"), ExceptionGroup("in", [OSError(5, "x")])])
    )


def _recursion() -> None:
    try:
        _deep()
    except RecursionError as error:
        ErrorTracker.log_error(error)


def _deep() -> None:
    _deep()


def _view() -> None:
    with doing(raising(ValueError("broken"))):
        serve("/api/probe/plain/?token=hunter2&page=2", HTTP_COOKIE="sid=hunter2", HTTP_AUTHORIZATION="Bearer hunter2")


def _log_line() -> None:
    extra = {"design": 7, "request": object()}
    logging.getLogger("designs.somewhere").error("disk %s is full: %s", "sda", {"a": 1}, extra=extra)


def _check_in() -> None:
    schedule: Any = {"schedule": {"type": "interval", "value": 5, "unit": "minute"}}
    capture_checkin("outbox", status=MonitorStatus.OK, duration=0.5, monitor_config=schedule)


KINDS: dict[str, Callable[[], object]] = {
    "explicit, chained": _chained,
    "explicit, a group": _group,
    "explicit, recursion": _recursion,
    "explicit, a message": lambda: ErrorTracker.log_error("something odd", {"a": 1}, severity="CRITICAL"),
    "captured, a view": _view,
    "captured, an exception": lambda: sentry_sdk.capture_exception(_error()),
    "captured, a line of the log": _log_line,
    "captured, a message": lambda: sentry_sdk.capture_message("something odd", level="warning"),
    "check-in": _check_in,
}
