"""Task failures in a real worker: one record each, whoever sees it."""

from __future__ import annotations

import pytest

from designs import context
from tests.stack import RunningStack

pytestmark = pytest.mark.timeout(90)


def test_an_exception_in_a_task_is_one_record(running: RunningStack) -> None:
    task_id = running.send("probe.fail", "it broke")

    [record] = running.errors_of(task_id)

    assert (record["error_type"], record["error_message"]) == ("ValueError", "it broke")
    assert (record["source"], record["task"], record["severity"]) == ("celery", "probe.fail", "ERROR")
    assert "tests/probe_tasks.py" in record["traceback"]


def test_our_own_exception_keeps_its_details(running: RunningStack) -> None:
    [record] = running.errors_of(running.send("probe.fail_ours"))

    assert record["error_type"] == "designs.exceptions.GeometryProcessingError"
    assert record["context"]["details"] == {"stage": "transfer"}


def test_a_task_that_logs_and_raises_is_one_record_with_both_contexts(running: RunningStack) -> None:
    task_id = running.send("probe.log_and_raise")

    [record] = running.errors_of(task_id)

    assert record["context"]["seen_by"] == "the task itself"
    assert record["context"]["task_id"] == task_id


def test_a_killed_worker_process_is_one_record_of_a_lost_worker(running: RunningStack) -> None:
    task_id = running.send("probe.die")

    [record] = running.errors_of(task_id)

    assert record["error_type"] == "billiard.exceptions.WorkerLostError"
    assert record["task"] == "probe.die"


def test_the_hard_time_limit_is_one_record_though_its_signal_fires_twice(running: RunningStack) -> None:
    task_id = running.send("probe.hang", soft_time_limit=0.5, time_limit=1)

    running.errors_of(task_id)
    running.marker()
    [record] = running.errors_of(task_id)

    assert record["error_type"].endswith("TimeLimitExceeded")
    assert record["occurrences"] == 1


@pytest.mark.parametrize("task", ["probe.fail", "probe.die"])
def test_a_tasks_failure_names_the_request_user_and_path_that_queued_it(running: RunningStack, task: str) -> None:
    carried = {
        "request_id": "request-of-test",
        "user_id": "42",
        "path": "/api/designs/1/finalize/",
        "method": "POST",
    }
    arguments = ("carried",) if task == "probe.fail" else ()

    [record] = running.errors_of(running.send(task, *arguments, headers={context.HEADER: carried}))

    assert record["request_id"] == "request-of-test"
    assert (record["user_id"], record["request_path"]) == ("42", "/api/designs/1/finalize/")


def test_a_task_that_succeeds_leaves_no_record(running: RunningStack) -> None:
    task_id = running.send("probe.succeed")
    running.marker()

    assert [error for error in running.errors() if error["context"].get("task_id") == task_id] == []


def test_a_retried_task_is_recorded_when_its_last_attempt_fails(running: RunningStack) -> None:
    [record] = running.errors_of(running.send("probe.retry"))

    assert record["error_type"] == "OSError"
    assert record["context"]["attempt"] == 2
