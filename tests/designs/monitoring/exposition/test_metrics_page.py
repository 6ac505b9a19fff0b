"""What the page of /metrics says of given facts."""

from __future__ import annotations

import math
import subprocess
from dataclasses import dataclass, field
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from designs.monitoring.exposition.metrics_page import DOCUMENTED, Scrape, page_of
from tests.support.debian_programs import needs

BOUNDS = (0.005, 0.1, 1.0)
EVENT = "0123456789abcdef0123456789abcdef"


@dataclass
class Series:
    buckets: list[int]
    total_seconds: float = 0.0
    errors: int = 0
    exemplars: dict[int, tuple[str, float, float]] = field(default_factory=dict)


@dataclass
class Stored:
    histograms: dict[str, Any] = field(default_factory=dict)
    counters: dict[str, Any] = field(default_factory=dict)
    gauges: dict[str, float] = field(default_factory=dict)


def busy() -> Stored:
    """What a store holds after some traffic."""
    exemplar = {1: (EVENT, 0.05, 1764000000.0)}
    return Stored(
        {
            "requests": {
                ("GET", "api/designs/", "200"): Series([6, 3, 1, 0], 1.5, exemplars=exemplar),
                ("GET", "api/designs/", "500"): Series([0, 0, 0, 2], 9.0),
                ("GET", "admin/", "200"): Series([4, 0, 0, 0], 0.01),
            },
            "operations": {("geometry_extraction",): Series([0, 0, 2, 1], 33.0, errors=1)},
            "tasks": {("designs.tasks.extract", "SUCCESS"): Series([0, 0, 2, 0], 1.2)},
            "task_queue": {("designs.tasks.extract",): Series([2, 0, 0, 0], 0.002)},
        },
        {
            "flat": {
                ("http_requests_total",): 16,
                ("http_status_500",): 2,
                ("endpoint_api/designs/",): 7,
                ("endpoint_api.designs.",): 5,
                ("parts_total",): 4,
            },
            "slow": {("geometry_extraction",): 1},
            "uploads": {("step",): 3},
            "self": {("series_dropped",): 0},
        },
        {"storage_used_gb": 1.5, "queue depth": 7},
    )


SCRAPE = Scrape(
    busy(),
    BOUNDS,
    workers=2,
    queue_depth=3,
    flush_age_seconds=1.25,
    totals={
        "occurrences": 9, "forwarded": 3, "groups": 2, "type:ValueError": 9, "by:ValueError|ERROR|http": 9,
        "told": 4, "untold:group_evicted": 2,
    },
    health={"database": "healthy", "redis": "degraded", "celery": "unhealthy", "kernel": ""},
    delivery={
        "enabled": True, "reachable": True, "outbox_depth": 4, "outbox_oldest_seconds": 61.5, "spool_depth": 0,
        "dead_letters": 1, "accepted": 2, "dropped": {"queue_full": 5}, "rate_limited_until": None,
    },
    storage={"storage_used_gb": 9, "storage_quota_gb": 10},
    release="1.2.3",
)  # fmt: skip


def read(scrape: Scrape) -> dict[Any, float]:
    families = parse_text(page_of(scrape).text().decode())
    return {(s.name, *sorted(s.labels.values())): s.value for family in families for s in family.samples}


def test_before_anything_happened_every_documented_name_is_there() -> None:
    found = read(Scrape(Stored(), BOUNDS))

    for name in (*DOCUMENTED, "celery_workers_active", "storage_used_gb", "storage_quota_gb"):
        assert found[name,] == 0, name
    assert [found["api_request_duration_bucket", le] for le in ("0.005", "0.1", "1.0", "+Inf")] == [0, 0, 0, 0]
    assert (found["api_request_duration_sum",], found["api_request_duration_count",]) == (0, 0)


def test_flat_names_carry_no_label_and_labelled_ones_another_name() -> None:
    flat = {*DOCUMENTED, "celery_workers_active", "storage_used_gb", "storage_quota_gb", "api_request_duration_count"}
    for name, *labels in read(SCRAPE):
        assert name.startswith("enginel_") or not [value for value in labels if name != "api_request_duration_bucket"]
        assert not (name in flat and labels)


def test_requests_are_counted_flat_and_by_route() -> None:
    found = read(SCRAPE)

    assert (found["http_requests_total",], found["http_status_500",]) == (16, 2)
    assert found["enginel_http_requests_total", "200", "GET", "api/designs/"] == 10
    assert found["enginel_http_requests_total", "500", "GET", "api/designs/"] == 2
    assert found["enginel_http_request_duration_seconds_bucket", "0.1", "200", "GET", "api/designs/"] == 9


def test_the_flat_duration_is_that_of_all_requests_below_api() -> None:
    found = read(SCRAPE)

    assert [found["api_request_duration_bucket", le] for le in ("0.005", "0.1", "1.0", "+Inf")] == [6, 9, 10, 12]
    assert (found["api_request_duration_sum",], found["api_request_duration_count",]) == (10.5, 12)


def test_operations_and_tasks_have_durations_failures_and_waits() -> None:
    found = read(SCRAPE)

    assert found["enginel_operation_duration_seconds_count", "geometry_extraction"] == 3
    assert found["enginel_operation_errors_total", "geometry_extraction"] == 1
    assert found["enginel_slow_operations_total", "geometry_extraction"] == 1
    assert found["enginel_tasks_total", "SUCCESS", "designs.tasks.extract"] == 2
    assert found["enginel_task_duration_seconds_sum", "SUCCESS", "designs.tasks.extract"] == 1.2
    assert found["enginel_task_queue_seconds_count", "designs.tasks.extract"] == 2
    assert found["enginel_uploads_total", "step"] == 3
    assert found["celery_workers_active",] == 2


def test_errors_are_counted_by_what_failed_and_by_what_the_gate_decided() -> None:
    found = read(SCRAPE)

    assert found["enginel_errors_total", "ERROR", "ValueError", "http"] == 9
    assert found["enginel_error_occurrences_total",] == 9
    assert (found["enginel_gate_decisions_total", "forwarded"], found["enginel_gate_decisions_total", "counted"]) == (
        3,
        6,
    )


def test_what_sentry_was_told_is_pending_and_untold_add_up_to_all_errors() -> None:
    found = read(SCRAPE)

    assert found["enginel_error_occurrences_told_total",] == 4
    assert found["enginel_error_occurrences_pending",] == 3
    untold = {name[1]: number for name, number in found.items() if name[0] == "enginel_error_occurrences_untold_total"}
    assert untold == {"group_evicted": 2, "group_expired": 0, "sentry_off": 0}


def test_delivery_and_health_are_told() -> None:
    found = read(SCRAPE)

    assert (found["enginel_sentry_outbox_depth",], found["enginel_sentry_outbox_age_seconds",]) == (4, 61.5)
    assert (found["enginel_sentry_dropped_total", "queue_full"], found["enginel_sentry_accepted_total",]) == (5, 2)
    assert found["enginel_sentry_losses_total",] == 5
    assert {labels[0]: value for (name, *labels), value in found.items() if name == "enginel_component_health"} == {
        "database": 1, "redis": 0.5, "celery": 0,
    }  # fmt: skip
    assert found["enginel_build_info", "1.2.3"] == 1


def test_delivery_that_nobody_knows_is_left_out() -> None:
    found = read(Scrape(Stored(), BOUNDS, delivery={"enabled": True, "outbox_depth": 0, "store": "away"}))

    assert not [name for name, *_ in found if name.startswith("enginel_sentry")]


class TestStorage:
    def test_a_gauge_of_the_application_does_not_replace_what_the_database_says(self) -> None:
        found = read(SCRAPE)

        assert (found["storage_used_gb",], found["storage_quota_gb",]) == (9, 10)

    def test_what_nobody_knows_is_no_number(self) -> None:
        found = read(Scrape(Stored(), BOUNDS, storage={"storage_used_gb": math.nan}))

        assert math.isnan(found["storage_used_gb",])


class TestNamesOfTheApplication:
    def test_they_become_names_that_prometheus_takes(self) -> None:
        found = read(SCRAPE)

        assert (found["endpoint_api_designs_",], found["parts_total",], found["queue_depth",]) == (12, 4, 7)

    @pytest.mark.parametrize(
        "name",
        ["http_requests", "api_request_duration_count", "celery_workers_active", "enginel_tasks", "uploads total"],
    )
    def test_they_never_take_the_place_of_a_documented_one(self, name: str) -> None:
        made_up = Stored({}, {"flat": {(name,): 99}}, {name: 98})
        scrape = Scrape(made_up, BOUNDS)

        assert not {98, 99} & set(read(scrape).values())
        assert read(scrape)["enginel_metrics_names_refused",] == 2
        assert list(parse_openmetrics(page_of(scrape).openmetrics().decode()))


def test_exemplars_name_an_occurrence() -> None:
    families = parse_openmetrics(page_of(SCRAPE).openmetrics().decode())
    seen = {s.name: s.exemplar.labels for family in families for s in family.samples if s.exemplar}

    assert seen == {
        "api_request_duration_bucket": {"trace_id": EVENT},
        "enginel_http_request_duration_seconds_bucket": {"trace_id": EVENT},
    }


def test_promtool_says_nothing_but_that_gb_is_short_for_a_unit() -> None:
    promtool = needs("promtool", "prometheus")
    done = subprocess.run(
        [promtool, "check", "metrics"], input=page_of(SCRAPE).text(), capture_output=True, check=False
    )
    remarks = [line for line in done.stderr.decode().splitlines() if "abbreviated units" not in line]

    assert remarks == []
