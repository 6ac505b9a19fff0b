"""Each attempt of a task is counted once, however it ends and whoever sees it."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

from designs.monitoring import MetricsCollector, PerformanceMonitor
from designs.monitoring.metrics import flusher, read_families
from designs.worker import metric_signals
from integrations.celery.heartbeats import QUEUED_AT_HEADER


def counters() -> dict[str, Any]:
    return {
        name: number
        for name, number in MetricsCollector.get_metrics().items()
        if name.startswith("celery_task_") and number
    }


def task(name: str = "t.work", **request: Any) -> Any:
    return SimpleNamespace(name=name, request=request)


def received(task_id: str, *, redelivered: bool = False, time_start: float | None = None, **headers: Any) -> Any:
    delivery_info = {"redelivered": redelivered}
    return SimpleNamespace(id=task_id, time_start=time_start, request_dict=headers, delivery_info=delivery_info)


def attempt(state: str | None, **request: Any) -> None:
    metric_signals.begin("id", task(**request))
    metric_signals.end("id", task(**request), state)


def test_attempts_are_counted_by_how_they_end() -> None:
    for state in ("SUCCESS", "FAILURE", "RETRY", "SUCCESS"):
        attempt(state)
    attempt("IGNORED")
    attempt(None)

    assert counters() == {
        "celery_task_total": 4,
        "celery_task_SUCCESS": 2,
        "celery_task_FAILED": 1,
        "celery_task_RETRY": 1,
        "celery_task_t.work": 4,
        "celery_task_t.work_SUCCESS": 2,
        "celery_task_t.work_FAILED": 1,
        "celery_task_t.work_RETRY": 1,
    }
    assert metric_signals._began == {}


def test_the_time_in_the_queue_is_known_where_the_message_tells_when_it_was_sent() -> None:
    attempt("SUCCESS", **{QUEUED_AT_HEADER: time.time() - 3})
    attempt("SUCCESS", **{QUEUED_AT_HEADER: time.time() + 100})
    attempt("SUCCESS", **{QUEUED_AT_HEADER: "yesterday"})

    flusher.flush()
    series = read_families(flusher.redis).histograms["task_queue"][("t.work",)]
    assert series.count == 2
    assert 2.9 < series.max_seconds < 4
    assert series.min_seconds == 0


def test_every_message_says_when_it_was_sent() -> None:
    headers: dict[str, Any] = {QUEUED_AT_HEADER: 1.0}
    metric_signals.note_sending(headers=headers)

    assert time.time() - headers[QUEUED_AT_HEADER] < 5


def test_a_lost_process_is_counted_once_by_the_main_process() -> None:
    metric_signals.remember(received("lost", time_start=time.time() - 2))
    for _ in range(2):
        metric_signals.count_lost(sender=task(), task_id="lost")
    metric_signals.count_lost(sender=task(), task_id="never received")

    assert counters()["celery_task_FAILED"] == counters()["celery_task_total"] == 1
    assert "t.work" not in PerformanceMonitor.get_all_operation_stats()


def test_a_failure_in_its_own_process_is_left_to_the_end_of_the_attempt() -> None:
    metric_signals.remember(received("id"))
    metric_signals.begin("id", task())
    metric_signals.count_lost(sender=task(), task_id="id")
    metric_signals.end("id", task(), "FAILURE")

    assert counters()["celery_task_FAILED"] == 1
