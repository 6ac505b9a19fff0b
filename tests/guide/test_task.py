"""The guide's task: timed, counted under its own name, and one occurrence when it fails."""

from __future__ import annotations

import re

import pytest

from designs.exceptions import GeometryProcessingError
from designs.monitoring import ErrorTracker, MetricsCollector, PerformanceMonitor
from tests.guide.documented_task import custom_processing_task
from tests.support.stack import RunningStack, wait_until_equal

NAME = "tests.guide.documented_task.custom_processing_task"
CONTEXT = {"design_id": "bad", "task": "custom_processing"}


def test_a_run_is_timed_and_counted_under_its_name() -> None:
    assert custom_processing_task.delay("d1").get() == "d1 done"

    stats, metrics = PerformanceMonitor.get_operation_stats("custom_processing"), MetricsCollector.get_metrics()
    assert (stats["count"], stats["error_count"]) == (1, 0)
    assert (metrics["celery_task_custom_processing"], metrics["celery_task_custom_processing_SUCCESS"]) == (1, 1)
    assert "celery_task_custom_processing_FAILED" not in metrics
    assert (metrics["celery_task_total"], metrics["celery_task_SUCCESS"]) == (1, 1)
    assert ErrorTracker.get_recent_errors() == []


def test_a_failed_run_is_one_occurrence_and_counted_as_failed() -> None:
    with pytest.raises(GeometryProcessingError):
        custom_processing_task.delay("bad").get()

    [record] = ErrorTracker.get_recent_errors()
    assert record["context"].items() >= CONTEXT.items()
    assert (record["occurrences"], record["error_type"]) == (1, "GeometryProcessingError")
    stats, metrics = PerformanceMonitor.get_operation_stats("custom_processing"), MetricsCollector.get_metrics()
    assert (stats["count"], stats["error_count"], stats["error_rate"]) == (1, 1, 1.0)
    assert (metrics["celery_task_custom_processing"], metrics["celery_task_custom_processing_FAILED"]) == (1, 1)
    assert (metrics["celery_task_total"], metrics["celery_task_FAILED"]) == (1, 1)


def test_called_as_a_function_it_raises_and_is_one_occurrence() -> None:
    with pytest.raises(GeometryProcessingError):
        custom_processing_task("bad")

    [record] = ErrorTracker.get_recent_errors()
    assert (record["context"], record["occurrences"]) == (CONTEXT, 1)


@pytest.mark.timeout(90)
def test_a_real_worker_records_and_counts_the_same(running: RunningStack) -> None:
    before = counted(running)
    task_id = running.send(NAME, "bad")
    running.send(NAME, "d1")

    [record] = running.errors_of(task_id)

    assert record["context"].items() >= CONTEXT.items()
    assert record["error_type"] == "GeometryProcessingError"
    # Two processes of the worker run the two tasks, and each hands over what it counted once a second.
    wait_until_equal(lambda: counted_since(running, before), {"": 2, "SUCCESS": 1, "FAILED": 1})


def counted_since(running: RunningStack, before: dict[str, int]) -> dict[str, int]:
    return {name: number - before[name] for name, number in counted(running).items()}


def counted(running: RunningStack) -> dict[str, int]:
    page = running.http.request("GET", f"{running.stack.url}/metrics").data.decode()
    found = re.findall(r"^celery_task_custom_processing(?:_(SUCCESS|FAILED))? (\d+)", page, re.MULTILINE)
    return {"": 0, "SUCCESS": 0, "FAILED": 0} | {name: int(number) for name, number in found}
