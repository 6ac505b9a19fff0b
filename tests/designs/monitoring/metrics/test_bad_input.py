"""Whatever is measured under whatever name, it costs its caller nothing and the others no measurement."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings

from designs.monitoring import MetricsCollector, PerformanceMonitor
from designs.monitoring.metrics import flusher, read_families, registry
from designs.monitoring.metrics.registry import label_of
from integrations.redis import redis_for


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError("str")

    def __hash__(self) -> int:
        raise RuntimeError("hash")


NAMES: list[Any] = [
    "", "\ud800", "\x1f\x1f", "|c|x", "a\0b", 'a b"c\nd{e="f"}', "é", "x" * 100_000, "__overflow__",
    None, 5, b"b", ["l"], Hostile(),
]  # fmt: skip
VALUES: list[Any] = [float("nan"), float("inf"), -1, -0.0, 1e308, 10**400, True, "x", None, Hostile()]
NAMED: dict[str, Callable[[Any], object]] = {
    "counter": MetricsCollector.increment_counter,
    "gauge": lambda name: MetricsCollector.record_gauge(name, 1),
    "method": lambda name: MetricsCollector.track_request(name, "r", 200, 0.1),
    "route": lambda name: MetricsCollector.track_request("GET", name, 200, 0.1),
    "status": lambda name: MetricsCollector.track_request("GET", "r", name, 0.1),
    "exemplar": lambda name: MetricsCollector.track_request("GET", "r", 200, 0.1, exemplar=name),
    "task": lambda name: MetricsCollector.track_task(name, "SUCCESS", 0.1, 0.1),
    "state": lambda name: MetricsCollector.track_task("t", name, 0.1),
    "task by hand": lambda name: MetricsCollector.track_celery_task(name, 0.1, name),
    "file type": lambda name: MetricsCollector.track_file_upload(5, name),
    "operation": lambda name: PerformanceMonitor._record_duration(name, 0.1),
    "slow operation": lambda name: PerformanceMonitor.report_slow(name, 100.0),
}
MEASURED: dict[str, Callable[[Any], object]] = {
    "counter": lambda value: MetricsCollector.increment_counter("n", value),
    "gauge": lambda value: MetricsCollector.record_gauge("g", value),
    "request": lambda value: MetricsCollector.track_request("GET", "r", 200, value),
    "task": lambda value: MetricsCollector.track_task("t", "SUCCESS", value),
    "queue": lambda value: MetricsCollector.track_task("t", "SUCCESS", 1.0, value),
    "task by hand": lambda value: MetricsCollector.track_celery_task("t", value, "SUCCESS"),
    "upload": lambda value: MetricsCollector.track_file_upload(value, "step"),
    "operation": lambda value: PerformanceMonitor._record_duration("op", value),
    "slow operation": lambda value: PerformanceMonitor.report_slow("op", value),
}


def assert_others_are_counted() -> None:
    MetricsCollector.increment_counter("other", 3)
    MetricsCollector.track_request("GET", "other/", 200, 0.1)
    MetricsCollector.track_task("other", "SUCCESS", 0.1)
    PerformanceMonitor._record_duration("other", 0.1)

    assert flusher.flush()
    assert MetricsCollector.get_metrics()["other"] == 3
    assert PerformanceMonitor.get_request_stats()["GET other/"]["count"] == 1
    assert PerformanceMonitor.get_task_stats()["other"]["success"] == 1
    assert PerformanceMonitor.get_operation_stats("other")["count"] == 1


@pytest.mark.parametrize("measure", NAMED.values(), ids=NAMED.keys())
def test_no_name_is_in_the_way_of_others(measure: Callable[[Any], object], allow_swallowed: None) -> None:
    for name in NAMES:
        measure(name)

    assert_others_are_counted()


@pytest.mark.parametrize("measure", MEASURED.values(), ids=MEASURED.keys())
def test_no_value_is_in_the_way_of_others(measure: Callable[[Any], object], allow_swallowed: None) -> None:
    for value in VALUES:
        measure(value)

    assert_others_are_counted()


@pytest.mark.parametrize(
    ("value", "label"),
    [("api/x/", "api/x/"), ("\ud800a", "?a"), ("a\x1f|b", "ab"), (5, "5"), ("x" * 1000, "x" * 200), ("é", "é")],
)
def test_a_label_is_text_that_the_store_can_hold(value: object, label: str) -> None:
    assert label_of(value) == label


def test_a_series_that_somebody_else_wrote_costs_no_other() -> None:
    gateway = redis_for(settings.REDIS_URL)
    gateway.run(lambda client: client.hset("enginel:{m:requests}:1:all", "n|GET\x1fa\x1fb\x1f200", 5))

    assert_others_are_counted()
    assert set(read_families(gateway).histograms["requests"]) == {("GET", "other/", "200")}


@pytest.mark.parametrize(
    ("family", "field", "value"),
    [
        ("requests", "n|GET\x1fother/\x1f200", "x"),
        ("requests", "b99|GET\x1fother/\x1f200", "1"),
        ("requests", "x|GET\x1fother/\x1f200", "1"),
        ("requests", "ex0|GET\x1fother/\x1f200", "no moment"),
        ("requests", "|GET\x1fother/\x1f404", "1"),
        ("requests", "n|\udcff", "1"),
        ("tasks", "", ""),
        ("counters", "c|flat\x1fn", "x"),
        ("counters", "c|flat\x1fn\x1fm", "5"),
        ("counters", "c|flat", "5"),
        ("counters", "g|depth", "x"),
        ("counters", "\udcff", "5"),
    ],
)
def test_a_field_that_nobody_can_read_costs_no_other(family: str, field: str, value: str) -> None:
    key = f"enginel:{{m:{family}}}:1:all"
    redis_for(settings.REDIS_URL).run(lambda client: client.hset(key, field.encode("utf-8", "surrogateescape"), value))

    found = MetricsCollector.get_metrics()
    assert "n" not in found
    assert read_families(redis_for(settings.REDIS_URL), percentiles=False).counters["flat"] is not None
    MetricsCollector.increment_counter("other", 3)
    assert MetricsCollector.get_metrics()["other"] == 3
    assert PerformanceMonitor.get_request_stats() is not None


def test_a_batch_that_cannot_be_written_down_is_refused_once_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    timed = registry.series("requests", ("GET", "r", "200"))
    timed.labels = ("GET", None, "200")  # type: ignore[assignment]
    timed.add(0.1)
    registry.family("requests")[timed.labels] = registry.family("requests").pop(("GET", "r", "200"))

    with pytest.raises(TypeError):
        flusher.flush()
    registry.family("requests").clear()

    assert_others_are_counted()
    assert read_families(redis_for(settings.REDIS_URL)).counters["self"] == {("flush_errors",): 1}
