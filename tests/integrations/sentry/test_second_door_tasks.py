"""A task that fails is one event, however it ends and whoever tells of it first."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.test import override_settings

from designs.monitoring import ErrorTracker
from enginel.celery import app
from tests.sentry_capture import Collecting, transport

__all__ = ["transport"]

pytestmark = pytest.mark.django_db


class Unpicklable(Exception):
    def __init__(self) -> None:
        super().__init__("no way to send this")
        self.lock = threading.Lock()

    def __reduce__(self) -> Any:
        raise TypeError("not picklable")


def run_task(body: Callable[..., Any], **options: Any) -> None:
    task = app.task(name=f"tests.{body.__name__}", **options)(body)
    try:
        with override_settings(CELERY_TASK_ALWAYS_EAGER=True):
            task.apply(throw=False)
    finally:
        app.tasks.pop(task.name)


def ends_by_value_error() -> None:
    raise ValueError("broken")


def ends_by_key_error() -> None:
    raise KeyError("expected")


def ends_unpicklable() -> None:
    raise Unpicklable


def logs_each_attempt(self: Any) -> None:
    try:
        raise OSError("try again")
    except OSError as error:
        ErrorTracker.log_error(error)
        raise self.retry(exc=error, countdown=0) from error


TASKS: dict[str, tuple[Callable[..., Any], dict[str, Any], int]] = {
    "task raises": (ends_by_value_error, {}, 1),
    "unpicklable exception": (ends_unpicklable, {}, 1),
    "expected by throws": (ends_by_key_error, {"throws": (KeyError,)}, 1),
    # Two attempts that fail are two occurrences, and the second passes no gate.
    "explicit in each attempt of a retry": (logs_each_attempt, {"bind": True, "max_retries": 1}, 2),
}


@pytest.mark.parametrize("case", TASKS)
def test_a_failing_task_is_one_event(transport: Collecting, case: str) -> None:
    body, options, expected = TASKS[case]
    run_task(body, **options)

    (event,) = transport.events
    (group,) = ErrorTracker.get_groups()
    assert int(group["total"]) == expected
    assert event["tags"]["task"] == event["transaction"] == f"tests.{body.__name__}"
