"""A message no task can be made of is an occurrence, and a task that never runs leaves no design in work."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from billiard.exceptions import WorkerLostError
from celery import current_app, signals
from celery.app.task import Context

from designs import context, tasks
from designs.models import Design, Status
from designs.monitoring import ErrorTracker
from designs.monitoring.errors import recorder
from designs.worker import error_signals
from tests.designs.conftest import MakeDesign
from tests.support import probe_tasks

REQUEST = context.RunContext(request_id="r" * 32, user_id="7", method="POST", path="/api/designs/upload/")


def records() -> list[dict[str, Any]]:
    return ErrorTracker.get_recent_errors(100)


def occurrences() -> int:
    return recorder.error_store.totals().get("occurrences", 0)


class TestMessages:
    """What is no task never reaches a task's signals."""

    def message(self, **headers: Any) -> Any:
        return SimpleNamespace(headers=headers, content_type="application/json", content_encoding="utf-8")

    def test_an_unknown_task_is_one_occurrence_however_often_it_is_told(self) -> None:
        message = self.message(id="t1", task="probe.gone", retries=1, **{context.HEADER: context.to_headers(REQUEST)})
        for _ in range(2):
            signals.task_unknown.send(sender=None, name="probe.gone", id="t1", message=message, exc=KeyError("x"))

        (record,) = records()
        assert (record["error_type"], record["task"]) == ("NotRegistered", "probe.gone")
        assert (record["request_id"], record["source"]) == (REQUEST.request_id, "celery")
        assert (record["context"]["attempt"], occurrences()) == (2, 1)

    def test_messages_without_an_id_are_an_occurrence_each(self) -> None:
        for headers in ({}, {"retries": "many", "id": None}):
            signals.task_rejected.send(sender=None, message=self.message(**headers), exc=None)

        assert [record["error_message"] for record in records()] == ["A message that is no task"] * 2

    def test_a_message_without_headers_is_one_too(self) -> None:
        message = SimpleNamespace(headers=None, content_type=None, content_encoding=None)
        signals.task_rejected.send(sender=None, message=message, exc=ValueError("x"))

        assert [record["error_type"] for record in records()] == ["ValueError"]


@pytest.mark.django_db
class TestTakenAway:
    """A task that ends without having run leaves no design in work."""

    @pytest.fixture
    def design(self, make_design: MakeDesign) -> Design:
        return make_design(status=Status.PROCESSING, task_id="first")

    @pytest.mark.parametrize("step", tasks.STEPS)
    @pytest.mark.parametrize(("expired", "code"), [(False, "processing_cancelled"), (True, "processing_expired")])
    def test_whichever_step_is_revoked_or_expires(self, design: Design, step: str, expired: bool, code: str) -> None:
        request = Context({"id": "third" if step != tasks.STEPS[0] else "first", "root_id": "first"})
        sender = current_app.tasks[step]
        signals.task_revoked.send(sender=sender, request=request, terminated=False, signum=None, expired=expired)

        design.refresh_from_db()
        assert (design.status, design.error_code, design.error_status) == (Status.FAILED, code, 503)
        assert (design.error_id, records()) == ("", [])

    def test_a_step_of_an_earlier_processing_changes_nothing(self, design: Design) -> None:
        request = Context({"id": "earlier", "root_id": "earlier"})
        signals.task_revoked.send(sender=tasks.scan_design, request=request, terminated=True, signum=9, expired=False)
        error_signals.remember_request(
            request=SimpleNamespace(id="earlier", request_dict={"root_id": "earlier", "retries": 0})
        )
        arguments = {"args": (str(design.pk),), "kwargs": {}}
        error = WorkerLostError("signal 9")
        signals.task_failure.send(sender=tasks.scan_design, task_id="earlier", exception=error, **arguments)

        design.refresh_from_db()
        assert (design.status, design.error_code) == (Status.PROCESSING, "")

    def test_another_task_that_is_revoked_asks_no_database(self, django_assert_num_queries: Any) -> None:
        with django_assert_num_queries(0):
            signals.task_revoked.send(
                sender=probe_tasks.fail, request=Context({"id": "x"}), terminated=False, signum=None, expired=True
            )

    @pytest.mark.parametrize("signal", [signals.task_unknown, signals.task_rejected])
    def test_a_message_that_no_worker_can_use(self, design: Design, signal: Any) -> None:
        headers = {"id": "second", "root_id": "first", "task": "designs.extract_bom", "retries": 0}
        message = SimpleNamespace(headers=headers, content_type="application/json", content_encoding="utf-8")
        signal.send(sender=None, name="designs.extract_bom", id="second", message=message, exc=ValueError("x"))

        (record,) = records()
        design.refresh_from_db()
        assert (design.status, design.error_code) == (Status.FAILED, "processing_lost")
        assert design.error_id == record["event_id"]
