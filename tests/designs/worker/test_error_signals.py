"""A failed task is one occurrence, and its record names the request behind it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from billiard.exceptions import TimeLimitExceeded, WorkerLostError
from celery import signals
from celery.app.trace import trace_task
from celery.exceptions import Ignore, Reject, Retry
from django.test import Client, override_settings
from knox.models import AuthToken

from designs import context
from designs.exceptions import DesignNotReady, GeometryProcessingError, TaskTimeoutError
from designs.models import User
from designs.monitoring import ErrorTracker
from designs.monitoring.errors import recorder
from designs.worker import error_signals
from tests.support import probe_tasks
from tests.support.outage import REFUSED_URL
from tests.support.probe_views import doing

REQUEST = context.RunContext(request_id="r" * 32, user_id="7", method="POST", path="/api/designs/upload/")
ID = "0123456789abcdef"


def records() -> list[dict[str, Any]]:
    return ErrorTracker.get_recent_errors(100)


def occurrences() -> int:
    return recorder.error_store.totals().get("occurrences", 0)


def received(task_id: str, run: context.RunContext = REQUEST, retries: int = 0) -> None:
    """What the worker's main process sees of a task that a child will run."""
    headers = {context.HEADER: context.to_headers(run), "retries": retries}
    error_signals.remember_request(request=SimpleNamespace(id=task_id, request_dict=headers))


def fail_in_main(task_id: str, error: Exception, task: Any = probe_tasks.fail) -> None:
    signals.task_failure.send(sender=task, task_id=task_id, exception=error, args=(), kwargs={})


class TestEagerTask:
    def test_its_failure_is_one_record(self) -> None:
        result = probe_tasks.fail.delay("broken")

        (record,) = records()
        assert result.state == "FAILURE"
        assert (record["error_type"], record["error_message"]) == ("ValueError", "broken")
        assert (record["task"], record["source"], record["severity"]) == ("probe.fail", "celery", "ERROR")
        assert record["context"] == {"task_id": result.id, "attempt": 1}
        assert occurrences() == 1

    def test_our_exceptions_keep_severity_and_details(self) -> None:
        probe_tasks.fail_ours.delay()

        (record,) = records()
        assert record["error_type"] == "GeometryProcessingError"
        assert record["context"]["details"] == {"stage": "transfer"}

    def test_a_task_that_logs_and_raises_is_one_occurrence_with_both_contexts(self) -> None:
        probe_tasks.log_and_raise.delay()

        (record,) = records()
        assert record["context"]["seen_by"] == "the task itself"
        assert record["context"]["attempt"] == 1
        assert occurrences() == 1

    def test_a_task_that_has_served_a_request_itself_is_recorded_as_the_task(self) -> None:
        def serves_and_fails() -> None:
            context.start(context.RunContext(request_id="of-another-request"))
            raise ValueError("broken")

        task = probe_tasks.app.task(name="tests.serves_and_fails")(serves_and_fails)
        try:
            for _ in range(2):
                task.apply(task_id="nightly")
        finally:
            probe_tasks.app.tasks.pop(task.name)

        assert [(record["task"], record["context"]["task_id"]) for record in records()] == [(task.name, "nightly")] * 2

    def test_only_the_last_attempt_is_a_failure(self) -> None:
        probe_tasks.retry.delay()

        (record,) = records()
        assert record["error_type"] == "OSError"
        assert record["context"]["attempt"] == 2

    def test_a_task_id_that_is_used_again_hides_no_failure(self) -> None:
        for _ in range(2):
            probe_tasks.fail.apply(args=("broken",), task_id="nightly")

        assert (len(records()), occurrences()) == (2, 2)

    @pytest.mark.parametrize("task", [probe_tasks.unpicklable, probe_tasks.log_unpicklable_and_raise])
    def test_an_exception_that_cannot_be_pickled_is_recorded_as_it_was_raised(self, task: Any) -> None:
        task.delay()

        (record,) = records()
        assert record["error_type"].endswith("Unpicklable")
        assert (record["error_message"], record["context"]["attempt"]) == ("no way to send this", 1)
        assert occurrences() == 1

    def test_a_failure_the_result_backend_could_not_store_is_recorded_beside_that_of_the_backend(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def away(*args: Any, **kwargs: Any) -> None:
            try:
                raise ConnectionError("the first try")
            except ConnectionError:
                raise ConnectionError("no backend")  # noqa: B904 - as a client that tries again does

        monkeypatch.setattr(probe_tasks.app.backend, "mark_as_failure", away)
        monkeypatch.setattr(probe_tasks.fail, "track_started", False)
        request = {context.HEADER: context.to_headers(REQUEST), "id": ID, "retries": 1, "delivery_info": {}}
        with pytest.warns(RuntimeWarning, match="outside body"):
            trace_task(probe_tasks.fail, ID, ("broken",), {}, request=request, app=probe_tasks.app)

        assert sorted((record["error_type"], record["context"]["attempt"]) for record in records()) == [
            ("ConnectionError", 2),
            ("ValueError", 2),
        ]
        assert {record["request_id"] for record in records()} == {REQUEST.request_id}
        assert occurrences() == 2

    def test_success_records_nothing(self) -> None:
        assert probe_tasks.succeed.delay().get() == "fine"
        assert records() == []

    @pytest.mark.django_db
    @pytest.mark.urls("tests.urls")
    def test_its_record_names_the_request_user_and_path_behind_it(self, admin_user: User) -> None:
        _, token = AuthToken.objects.create(user=admin_user)
        headers = {"authorization": f"Bearer {token}", "x-request-id": ID}
        with doing(lambda request: probe_tasks.fail.delay("broken") and None):
            assert Client().get("/api/probe/closed/", headers=headers).status_code == 200

        (record,) = records()
        assert (record["request_id"], record["user_id"]) == (ID, admin_user.pk)
        assert (record["request_path"], record["task"]) == ("/api/probe/closed/", "probe.fail")

    def test_the_context_of_before_is_back_afterwards(self) -> None:
        with context.use(REQUEST):
            probe_tasks.fail.delay("x")
            assert context.current() == REQUEST
            probe_tasks.retry.delay()
            assert context.current() == REQUEST

        assert error_signals._tokens == {}

    @override_settings(REDIS_URL=REFUSED_URL)
    def test_it_is_recorded_without_redis(self) -> None:
        probe_tasks.fail.delay("broken")

        assert [record["error_message"] for record in records()] == ["broken"]


class TestHeaders:
    def test_the_context_is_put_into_the_message(self) -> None:
        headers: dict[str, Any] = {}
        with context.use(REQUEST):
            error_signals.carry_context(headers=headers)

        assert context.from_headers(headers) == REQUEST

    @pytest.mark.django_db
    @pytest.mark.urls("tests.urls")
    def test_the_user_of_the_request_is_in_the_message(self, admin_user: User) -> None:
        _, token = AuthToken.objects.create(user=admin_user)
        headers: dict[str, Any] = {}
        with doing(lambda request: error_signals.carry_context(headers=headers)):
            Client().get("/api/probe/closed/", headers={"authorization": f"Bearer {token}"})

        assert context.from_headers(headers).user_id == admin_user.pk

    def test_what_a_retry_carries_is_kept(self) -> None:
        headers = {context.HEADER: context.to_headers(REQUEST)}
        error_signals.carry_context(headers=headers)

        assert context.from_headers(headers) == REQUEST

    def test_a_message_without_headers_is_let_be(self) -> None:
        error_signals.carry_context(headers=None)

    def test_a_task_in_a_worker_gets_the_context_of_its_message(self) -> None:
        request = {context.HEADER: context.to_headers(REQUEST)}
        error_signals.enter_task("t1", SimpleNamespace(name="probe.fail", request=request))
        inside = context.current()
        error_signals.leave_task("t1")

        assert (inside.request_id, inside.user_id, inside.path) == (REQUEST.request_id, "7", REQUEST.path)
        assert (inside.task, inside.task_id) == ("probe.fail", "t1")
        assert context.current() == context.RunContext()

    def test_a_task_nobody_requested_gets_an_id_of_its_own(self) -> None:
        error_signals.enter_task("t1", SimpleNamespace(name="probe.fail", request={}))
        inside = context.current()
        error_signals.leave_task("t1")

        assert len(inside.request_id) == 32


class TestMainProcess:
    def test_a_killed_childs_failure_names_the_request(self) -> None:
        received("t1", retries=2)
        fail_in_main("t1", WorkerLostError("signal 9"))

        (record,) = records()
        assert (record["request_id"], record["user_id"]) == (REQUEST.request_id, "7")
        assert (record["request_path"], record["task"]) == (REQUEST.path, "probe.fail")
        assert record["context"] == {"task_id": "t1", "attempt": 3}

    @pytest.mark.parametrize("retries", [0, 2])
    def test_a_time_limit_told_twice_counts_once(self, retries: int) -> None:
        received("t1", retries=retries)
        for _ in range(2):
            fail_in_main("t1", TimeLimitExceeded(30))

        assert len(records()) == occurrences() == 1
        assert records()[0]["request_id"] == REQUEST.request_id

    def test_what_fails_before_a_tasks_body_is_recorded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        received(ID)
        monkeypatch.setattr(probe_tasks.succeed, "__trace__", None)
        with pytest.warns(RuntimeWarning, match="outside body"):
            trace_task(probe_tasks.succeed, ID, (), {}, request=5, app=probe_tasks.app)

        (record,) = records()
        assert (record["error_type"], record["task"]) == ("TypeError", "probe.succeed")
        assert (record["request_id"], record["context"]["task_id"]) == (REQUEST.request_id, ID)

    def test_what_both_signals_tell_counts_once(self) -> None:
        received(ID)
        error = ValueError("broken")
        signals.task_internal_error.send(sender=probe_tasks.fail, task_id=ID, exception=error, args=(), kwargs={})
        fail_in_main(ID, error)

        assert (len(records()), occurrences()) == (1, 1)

    def test_a_task_id_that_is_used_again_hides_no_failure(self) -> None:
        for _ in range(2):
            received("nightly")
            fail_in_main("nightly", WorkerLostError("signal 9"))

        assert (len(records()), occurrences()) == (2, 2)

    def test_an_attempt_that_fails_in_the_child_and_then_loses_it_failed_twice(self) -> None:
        probe_tasks.fail.apply(args=("broken",), task_id="t1")
        received("t1")
        fail_in_main("t1", WorkerLostError("signal 9"))

        assert sorted(record["error_type"].rpartition(".")[2] for record in records()) == [
            "ValueError",
            "WorkerLostError",
        ]

    def test_the_end_of_the_child_after_a_time_limit_is_the_time_limits(self) -> None:
        received("t1")
        for error in (TimeLimitExceeded(30), WorkerLostError("signal 9")):
            fail_in_main("t1", error)

        assert [record["error_type"] for record in records()] == ["TimeLimitExceeded"]

    def test_two_tasks_are_two_occurrences_of_one_group(self) -> None:
        for task_id in ("t1", "t2"):
            received(task_id)
            fail_in_main(task_id, TimeLimitExceeded(30))

        assert [record["occurrences"] for record in records()] == [2, 2]

    def test_a_task_it_never_saw_is_recorded_all_the_same(self) -> None:
        fail_in_main("unseen", WorkerLostError("signal 9"))

        assert records()[0]["task"] == "probe.fail"

    def test_what_it_remembers_is_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(error_signals, "_RECEIVED_MAX", 10)
        monkeypatch.setattr(error_signals, "_received", type(error_signals._received)())
        for number in range(50):
            received(f"t{number}")

        assert list(error_signals._received) == [f"t{number}" for number in range(40, 50)]


@pytest.mark.parametrize("error", [Retry(), Ignore(), Reject(), None])
def test_control_flow_is_no_failure(error: Any) -> None:
    fail_in_main("t1", error)

    assert records() == []


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (GeometryProcessingError("no solid"), "geometry_processing_error", 422),
        (DesignNotReady(), "design_not_ready", 409),
        (TimeLimitExceeded(30), TaskTimeoutError.default_code, 504),
        (WorkerLostError("signal 9"), "enginel_error", 500),
        (ValueError("insides"), "enginel_error", 500),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_design_is_told_how_it_ended_with_the_id_of_the_record(
    error: Exception, code: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
    monkeypatch.setattr(error_signals.tasks, "mark_failed", lambda *args, **kwargs: told.append((args, kwargs)))
    task = SimpleNamespace(name="designs.scan_design", request=SimpleNamespace(retries=0))
    received("t1")

    error_signals.record_failure(sender=task, task_id="t1", exception=error, args=("the-design",))

    ((args, facts),) = told
    assert args == ("the-design",)
    assert (facts["code"], facts["status"], facts["error_id"]) == (code, status, records()[0]["event_id"])
    if isinstance(error, TimeLimitExceeded):
        assert facts["details"] == {"stage": "scan", "reason": "time_limit"}
    assert "insides" not in facts["detail"]


@pytest.mark.usefixtures("allow_swallowed")
def test_a_broken_monitoring_breaks_no_task(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("log_error",):
        monkeypatch.setattr(ErrorTracker, name, lambda *a, **k: 1 / 0)
    monkeypatch.setattr(error_signals.context, "from_headers", lambda headers: 1 / 0)
    error_signals.remember_request(request=None)

    assert probe_tasks.fail.delay("x").state == "FAILURE"
    assert probe_tasks.succeed.delay().get() == "fine"
