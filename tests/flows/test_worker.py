"""What the record of a task's failure in a real worker says; `test_capture` has every way a task can end."""

from __future__ import annotations

import pytest

from tests.support.stack import RunningStack

pytestmark = pytest.mark.timeout(90)


def test_an_exception_in_a_task_is_one_record(running: RunningStack) -> None:
    task_id = running.send("probe.fail", "it broke")

    [record] = running.errors_of(task_id)

    assert (record["error_type"], record["error_message"]) == ("ValueError", "it broke")
    assert (record["source"], record["task"], record["severity"]) == ("celery", "probe.fail", "ERROR")
    assert "tests/support/probe_tasks.py" in record["traceback"]


def test_our_own_exception_keeps_its_details(running: RunningStack) -> None:
    [record] = running.errors_of(running.send("probe.fail_ours"))

    assert record["error_type"] == "GeometryProcessingError"
    assert record["context"]["details"] == {"stage": "transfer"}


def test_damaged_files_are_one_group_that_counts_their_reasons(running: RunningStack) -> None:
    reasons = ["unresolved_reference", "nul", "unresolved_reference", "pump of a customer"]
    keys = {running.errors_of(running.send("probe.fail_file", reason))[0]["fingerprint"] for reason in reasons}

    (key,) = keys
    group = running.get(f"/api/monitoring/groups/{key}/")[1]
    counted = {row["reason"]: row["count"] for row in group["reasons"]}
    assert group["why"] == ["custom", "type designs.exceptions.CorruptedFile", "stage sniff"]
    assert counted == {"unresolved_reference": 2, "nul": 1, "other": 1}
    assert sum(counted.values()) == group["total"]


def test_a_task_that_logs_and_raises_is_one_record_with_both_contexts(running: RunningStack) -> None:
    task_id = running.send("probe.log_and_raise")

    [record] = running.errors_of(task_id)

    assert record["context"]["seen_by"] == "the task itself"
    assert record["context"]["task_id"] == task_id
