"""A task that fails is one event, however it ends and whoever tells of it first."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import celery.app.trace
import pytest
from django.test import override_settings

from designs.monitoring import ErrorTracker
from enginel.celery import app
from tests.support import probe_tasks
from tests.support.probe_views import doing
from tests.support.sentry_capture import Collecting, serve, transport

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


@pytest.fixture
def called_tasks_are_wrapped(transport: Collecting) -> None:
    """Wrap the functions of the tasks that are called, as a worker does for all of its tasks when it starts."""
    for task in (probe_tasks.fail, probe_tasks.calls_deep, probe_tasks.handles_calls):
        celery.app.trace.build_tracer(task.name, task, app=app)


def occurrences() -> list[tuple[str, str]]:
    return [(record["error_type"], record["task"]) for record in ErrorTracker.get_recent_errors(100)]


def events(transport: Collecting) -> list[tuple[str, str]]:
    return [(event["exception"]["values"][-1]["type"], event["transaction"]) for event in transport.events]


@pytest.mark.usefixtures("called_tasks_are_wrapped")
class TestCalledDirectly:
    """A task's function that is called is a plain function: its caller decides what its exception means."""

    def test_a_failure_the_calling_task_handles_is_none(self, transport: Collecting) -> None:
        assert probe_tasks.handles_calls.apply().get() == "fine"

        assert (occurrences(), transport.events) == ([], [])

    @pytest.mark.parametrize(
        ("task", "kind"),
        [
            (probe_tasks.handles_then_fails, "KeyError"),
            (probe_tasks.handles_then_fails_alike, "ValueError"),
            (probe_tasks.wraps_call, "LookupError"),
            (probe_tasks.passes_on, "ValueError"),
        ],
        ids=lambda value: getattr(value, "name", value),
    )
    def test_the_calling_tasks_own_failure_is_one(self, transport: Collecting, task: Any, kind: str) -> None:
        assert task.apply().state == "FAILURE"

        assert occurrences() == [(kind, task.name)]
        assert events(transport) == [(kind, task.name)]

    def test_a_failure_that_code_outside_of_tasks_handles_is_none(self, transport: Collecting) -> None:
        for call in (probe_tasks.fail, probe_tasks.fail.run, probe_tasks.calls_deep):
            with pytest.raises(ValueError, match="handled"):
                call("handled")

        assert (occurrences(), transport.events) == ([], [])

    @pytest.mark.urls("tests.urls")
    @pytest.mark.parametrize("path", ["/api/probe/plain/", "/api/probe/async/", "/api/probe/drf/"])
    def test_in_a_view_it_is_the_views_failure(self, transport: Collecting, path: str) -> None:
        with doing(lambda request: probe_tasks.calls_deep("in a view")):
            serve(path)

        ((record),) = ErrorTracker.get_recent_errors()
        assert (record["source"], record["task"], record["request_path"]) == ("http", "", path)
        assert [event["transaction"] for event in transport.events] == [path]


class TestAppliedEagerly:
    """What `apply` runs is a task of its own."""

    def test_a_failed_task_is_one_whatever_its_caller_does(self, transport: Collecting) -> None:
        def applies() -> None:
            assert probe_tasks.fail.apply(args=("applied",)).state == "FAILURE"

        run_task(applies)

        assert occurrences() == [("ValueError", "probe.fail")]
        assert events(transport) == [("ValueError", "probe.fail")]

    def test_what_it_throws_to_a_caller_who_handles_it_is_none(self, transport: Collecting) -> None:
        with pytest.raises(ValueError, match="thrown"):
            probe_tasks.fail.apply(args=("thrown",), throw=True)

        assert (occurrences(), transport.events) == ([], [])

    def test_what_it_throws_through_its_caller_is_the_callers(self, transport: Collecting) -> None:
        def applies() -> None:
            probe_tasks.fail.apply(args=("thrown",), throw=True)

        run_task(applies)

        assert occurrences() == [("ValueError", "tests.applies")]
        assert events(transport) == [("ValueError", "tests.applies")]
