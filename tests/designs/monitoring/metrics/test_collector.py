"""What is counted is counted exactly, read back at once, and shared by all processes."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings
from freezegun import freeze_time

from designs.monitoring import MetricsCollector, PerformanceMonitor
from designs.monitoring.metrics import flusher, read_families, registry
from designs.monitoring.metrics.buckets import Series
from designs.monitoring.metrics.registry import OVERFLOW
from integrations.redis import RedisUnavailable, redis_for
from tests.support.outage import REFUSED_URL, FrozenValkey, own_valkey

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrozenValkey]:
    with own_valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


def counters() -> dict[str, Any]:
    """Return what was counted; the documented names that were not are 0."""
    return {name: value for name, value in MetricsCollector.get_metrics().items() if name != "timestamp" and value}


def stored() -> Any:
    return read_families(redis_for(settings.REDIS_URL))


def test_a_process_reads_what_it_has_just_counted() -> None:
    MetricsCollector.increment_counter("parts_total")
    MetricsCollector.increment_counter("parts_total", 2)
    MetricsCollector.increment_counter("weight_kg", 0.5)

    assert counters() == {"parts_total": 3, "weight_kg": 0.5}
    assert counters() == {"parts_total": 3, "weight_kg": 0.5}


def test_requests_make_the_documented_names() -> None:
    for route, status in [
        ("api/designs/", 200),
        ("api/designs/", 200),
        ("api/designs/<uuid:id>/", 500),
        ("admin/", 302),
        ("<unresolved>", 404),
    ]:
        MetricsCollector.track_request("GET", route, status, 0.1)

    assert counters() == {
        "http_requests_total": 5,
        "http_status_200": 2,
        "http_status_302": 1,
        "http_status_404": 1,
        "http_status_500": 1,
        "api_requests_total": 3,
        "endpoint_admin": 1,
        "endpoint_designs": 3,
    }
    stats = PerformanceMonitor.get_request_stats()["GET api/designs/"]
    assert (stats["count"], stats["error_rate"]) == (2, 0)
    assert stats["p95"] == pytest.approx(0.1, rel=0.011)
    assert PerformanceMonitor.get_request_stats()["GET api/designs/<uuid:id>/"]["error_rate"] == 1


def test_tasks_and_uploads_make_the_documented_names() -> None:
    MetricsCollector.track_celery_task("extract_geometry", 1.5, "SUCCESS")
    MetricsCollector.track_celery_task("extract_geometry", 0.5, "FAILURE")
    MetricsCollector.track_file_upload(1_000, "step")
    MetricsCollector.track_file_upload(24, "IGES")

    assert counters() == {
        "celery_task_FAILED": 1,
        "celery_task_SUCCESS": 1,
        "celery_task_extract_geometry": 2,
        "celery_task_extract_geometry_FAILED": 1,
        "celery_task_extract_geometry_SUCCESS": 1,
        "celery_task_total": 2,
        "total_bytes_uploaded": 1_024,
        "uploads_iges": 1,
        "uploads_step": 1,
        "uploads_total": 2,
    }


def test_a_gauge_is_forgotten_after_five_minutes() -> None:
    with freeze_time(NOON) as clock:
        MetricsCollector.record_gauge("depth", 7)
        MetricsCollector.record_gauge("depth", 3.5)
        clock.tick(300)
        assert counters() == {"depth": 3.5}
        clock.tick(1)
        assert counters() == {}


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), 2**70, "x", None])
def test_what_is_no_amount_is_refused_and_counted(value: Any, allow_swallowed: None) -> None:
    MetricsCollector.increment_counter("parts_total", value)
    if value not in (-1, 2**70):
        MetricsCollector.record_gauge("depth", value)
        MetricsCollector.track_celery_task("t", value, "SUCCESS")
        PerformanceMonitor._record_duration("o", value, error_occurred=False)

    assert counters() == {}


def test_names_cannot_break_out_of_their_field() -> None:
    MetricsCollector.increment_counter("a|b\x1fc" + "x" * 1_000)

    assert list(counters()) == [("abc" + "x" * 1_000)[:200]]


def test_threads_lose_nothing() -> None:
    def work() -> None:
        for _ in range(5_000):
            MetricsCollector.increment_counter("n")
            MetricsCollector.track_request("GET", "api/x/", 200, 0.01)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        flusher.flush()
    for thread in threads:
        thread.join()

    found = counters()
    assert (found["n"], found["http_requests_total"]) == (20_000, 20_000)
    (series,) = stored().histograms["requests"].values()
    assert sum(series.buckets) == sum(series.exponential.values()) == series.count == 20_000
    assert series.total_seconds == pytest.approx(200)


def test_a_forked_child_counts_its_own_and_not_its_parents() -> None:
    MetricsCollector.increment_counter("boot")
    MetricsCollector.track_request("GET", "api/x/", 200, 0.01)
    pid = os.fork()
    if not pid:
        try:
            MetricsCollector.increment_counter("child")
            MetricsCollector.track_request("GET", "api/x/", 200, 0.01)
            flusher.flush()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)

    found = counters()
    assert (found["boot"], found["child"], found["http_requests_total"]) == (1, 1, 2)


def test_a_batch_without_an_answer_is_added_once(valkey: FrozenValkey) -> None:
    with override_settings(REDIS_URL=valkey.url):
        MetricsCollector.increment_counter("n", 100)
        with valkey.frozen():
            for _ in range(3):
                assert not flusher.flush()
                valkey.gateway.close_breaker()
            MetricsCollector.increment_counter("n", 10)
        assert flusher.flush()

        assert counters() == {"n": 110}
        families = read_families(valkey.gateway)
        assert families.counters["self"][("flush_errors",)] == 3
        assert families.age_seconds is not None


def test_what_is_measured_in_the_middle_of_handing_over_comes_with_the_next() -> None:
    class Interrupted(Series):
        @property
        def count(self) -> int:
            flusher.flush()
            timed.make_room()
            MetricsCollector.track_task("t", "SUCCESS", 0.5)
            MetricsCollector.track_task("u", "SUCCESS", 0.5)
            return self.counted

        @count.setter
        def count(self, number: int) -> None:
            self.counted = number

    MetricsCollector.track_task("t", "SUCCESS", 0.25)
    (timed,) = registry.family("tasks").values()
    timed.folded = Interrupted()

    assert flusher.flush()
    assert flusher.flush()
    handed_over = {task: series.total_seconds for (task, _), series in stored().histograms["tasks"].items()}
    assert handed_over["t"] % 0.5 == 0.25
    assert handed_over == {"t": handed_over["u"] + 0.25, "u": handed_over["u"]}


def test_while_redis_is_away_counts_wait_in_as_many_places_as_there_are_series() -> None:
    with override_settings(REDIS_URL=REFUSED_URL):
        for round_ in range(5):
            for number in range(1_000):
                MetricsCollector.track_request("GET", f"api/{number % 7}/", 200, 0.001 * round_)
            assert not flusher.flush()
            redis_for(REFUSED_URL).close_breaker()
        assert list(MetricsCollector.get_metrics()) == ["timestamp"]
        with pytest.raises(RedisUnavailable):
            stored_away()
        assert len(registry.family("requests")) == 7
        assert sum(len(timed.values) for timed in registry.family("requests").values()) <= 7 * 4_096

    assert counters()["http_requests_total"] == 5_000


def stored_away() -> Any:
    redis_for(REFUSED_URL).close_breaker()
    return read_families(redis_for(REFUSED_URL))


@override_settings(ENGINEL_METRICS_MAX_SERIES=10)
def test_too_many_series_are_counted_together() -> None:
    for number in range(100):
        MetricsCollector.track_request("GET", f"api/{number}/", 200, 0.01)
        MetricsCollector.increment_counter(f"n{number}")

    assert counters()["http_requests_total"] == 100
    families = stored()
    assert len(families.histograms["requests"]) == 6
    assert families.histograms["requests"][(OVERFLOW,) * 3].count == 95
    assert families.counters["flat"][(OVERFLOW,)] == 95
    assert families.counters["self"][("series_dropped",)] == 190


def test_an_operation_that_runs_no_more_is_dropped_after_an_hour() -> None:
    with freeze_time(NOON) as clock:
        PerformanceMonitor._record_duration("old", 1.0)
        flusher.flush()
        clock.tick(3_500)
        PerformanceMonitor._record_duration("new", 1.0)
        flusher.flush()
        clock.tick(200)
        PerformanceMonitor._record_duration("new", 1.0)

        assert list(PerformanceMonitor.get_all_operation_stats()) == ["new"]
    raw = redis_for(settings.REDIS_URL).run(lambda client: client.hkeys("enginel:{m:operations}:1:all"))
    assert not [field for field in raw if b"old" in field]


def test_requests_are_not_dropped_one_by_one_for_their_sum_must_never_fall() -> None:
    with freeze_time(NOON) as clock:
        for route in ("api/old/", "api/new/", "api/new/"):
            MetricsCollector.track_request("GET", route, 200, 0.01)
            flusher.flush()
            clock.tick(60_000)

        assert counters()["http_requests_total"] == 3


def test_whole_numbers_and_fractions_of_one_counter_add_up_and_cost_no_other() -> None:
    for kilograms in (0.5, 1, 0.25):
        MetricsCollector.increment_counter("before", 7)
        MetricsCollector.increment_counter("kg", kilograms)
        MetricsCollector.increment_counter("after", 10)
        assert flusher.flush()

    assert counters() == {"before": 21, "kg": 1.75, "after": 30}


@override_settings(ENGINEL_METRICS_MAX_SERIES=10)
def test_names_handed_over_before_count_against_the_limit() -> None:
    for number in range(50):
        MetricsCollector.increment_counter(f"n{number}")
        MetricsCollector.record_gauge(f"g{number}", 1)
        MetricsCollector.track_request("GET", f"api/{number}/", 200, 0.01)
        flusher.flush()

    families = stored()
    assert sum(number for (name,), number in families.counters["flat"].items() if name.startswith(("n", "_"))) == 50
    assert len(families.gauges) + len(families.counters["flat"]) <= 30
    assert len(registry.found) <= 10


def test_a_gauge_that_comes_late_says_nothing() -> None:
    with freeze_time(NOON) as clock:
        clock.tick(30)
        MetricsCollector.record_gauge("depth", 5)
        flusher.flush()
        clock.tick(-30)
        MetricsCollector.record_gauge("depth", 1)
        flusher.flush()
        clock.tick(30)

        assert counters() == {"depth": 5}


def test_without_percentiles_all_is_read_but_what_makes_them() -> None:
    MetricsCollector.track_request("GET", "api/x/", 200, 0.01, exemplar="a" * 32)
    MetricsCollector.increment_counter("parts_total", 3)
    MetricsCollector.record_gauge("weight_kg", 0.5)
    flusher.flush()

    whole, lean = stored(), read_families(redis_for(settings.REDIS_URL), percentiles=False)

    (of_whole,), (of_lean,) = (each.histograms["requests"].values() for each in (whole, lean))
    assert sum(of_whole.exponential.values()) == 1
    assert of_lean == replace(of_whole, exponential={})
    assert (lean.counters, lean.gauges) == (whole.counters, whole.gauges)


def test_exemplars_are_kept_by_bucket() -> None:
    MetricsCollector.track_request("GET", "api/x/", 200, 0.01, exemplar="a" * 32)
    MetricsCollector.track_request("GET", "api/x/", 200, 0.01, exemplar="b" * 32)
    MetricsCollector.track_request("GET", "api/x/", 200, 9.0, exemplar="c" * 32)
    flusher.flush()

    (series,) = stored().histograms["requests"].values()
    assert {bucket: exemplar[:2] for bucket, exemplar in series.exemplars.items()} == {
        1: ("b" * 32, 0.01),
        10: ("c" * 32, 9.0),
    }


def test_every_key_expires_and_each_family_has_its_tag() -> None:
    MetricsCollector.track_request("GET", "api/x/", 200, 0.01)
    MetricsCollector.increment_counter("n")
    PerformanceMonitor._record_duration("o", 1.0)
    flusher.flush()

    client = redis_for(settings.REDIS_URL)
    keys: list[bytes] = client.run(lambda redis: redis.keys("*"))
    assert {key.split(b"}")[0] for key in keys} == {
        b"enginel:{m:requests",
        b"enginel:{m:counters",
        b"enginel:{m:operations",
    }
    assert all(client.run(lambda redis, key=key: redis.ttl(key)) > 0 for key in keys)
