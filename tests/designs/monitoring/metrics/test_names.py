"""An application counts under names of its own; the built-in ones are counted by the service alone."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.conf import settings

from designs.monitoring import MetricsCollector, PerformanceMonitor, metrics_page
from designs.monitoring.metrics.names import DOCUMENTED, resource_of
from integrations.prometheus import metric_name
from integrations.redis import redis_for

BUILT_IN = [
    *DOCUMENTED,
    "celery_workers_active",
    "storage_used_gb",
    "storage_quota_gb",
    "timestamp",
    # What Prometheus would make of them.
    "http-requests-total",
    "HTTP_Requests_Total",
    "http requests.total",
    "http|_requests_total",
    # Series of one metric.
    "http_requests",
    "http_requests_created",
    "api_request_duration",
    "api_request_duration_bucket",
    "api_request_duration_sum",
    "api_request_duration_count",
    "celery_task",
    "uploads_created",
    # Families.
    "http_status_418",
    "endpoint_series_archive",
    "celery_task_designs.scan_design",
    "celery_task_x_SUCCESS",
    "uploads_dxf",
    "enginel_tasks_total",
    "enginel_anything",
    "up",
    "scrape_duration_seconds",
]
OWN = ["parts_total", "http_retries_total", "upload_retries", "active_users", "storage_free_gb", "tasks", "uptime", ""]


def built_in() -> dict[str, Any]:
    """Return what the service counted itself."""
    return {name: number for name, number in MetricsCollector.get_metrics().items() if name in DOCUMENTED}


def metric(name: str) -> float:
    """Return a value of the page of /metrics."""
    text = metrics_page(dict).body(openmetrics=False, compressed=False).decode()
    (value,) = (line.rpartition(" ")[2] for line in text.splitlines() if line.startswith(f"{name} "))
    return float(value)


@pytest.mark.parametrize("name", BUILT_IN)
@pytest.mark.parametrize("measure", [MetricsCollector.increment_counter, MetricsCollector.record_gauge])
def test_a_built_in_name_is_refused_and_counted(measure: Any, name: str) -> None:
    MetricsCollector.track_request("GET", "api/designs/", 200, 0.1)
    MetricsCollector.track_task("t", "SUCCESS", 0.1)
    MetricsCollector.track_file_upload(7, "step")
    before = MetricsCollector.get_metrics()

    measure(name, 50)

    after = MetricsCollector.get_metrics()
    assert {**after, "timestamp": ""} == {**before, "timestamp": ""}
    assert metric('enginel_metrics_refusals_total{reason="built_in"}') == 1
    assert metric("enginel_metrics_names_refused") == 1
    assert metric("http_requests_total") == metric("uploads_total") == metric("celery_task_total") == 1


@pytest.mark.parametrize("name", OWN)
def test_a_name_of_its_own_is_counted(name: str) -> None:
    MetricsCollector.increment_counter(name, 3)

    assert MetricsCollector.get_metrics()[name] == 3
    assert metric("enginel_metrics_names_refused") == 0


def test_a_refusal_is_logged_once_for_each_name(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="enginel.metrics"):
        for _ in range(3):
            MetricsCollector.increment_counter("http_status_777")
            MetricsCollector.increment_counter("http_status_778")

    assert [record.getMessage() for record in caplog.records] == [
        "The metric name http_status_777 is built in; the measurement was refused.",
        "The metric name http_status_778 is built in; the measurement was refused.",
    ]


def test_the_documented_calls_run_and_leave_the_counts_of_uploads_exact() -> None:
    MetricsCollector.track_file_upload(100, "step")

    MetricsCollector.increment_counter("uploads_total")
    MetricsCollector.increment_counter("uploads_step")
    MetricsCollector.record_gauge("active_users", 42)

    metrics = MetricsCollector.get_metrics()
    assert (metrics["uploads_total"], metrics["uploads_step"], metrics["active_users"]) == (1, 1, 42)


@pytest.mark.parametrize("name", ["total", "SUCCESS", "FAILED", "RETRY", "success", "t_SUCCESS", "t.FAILED", "Total"])
@pytest.mark.parametrize("count", [MetricsCollector.track_celery_task, None])
def test_a_task_with_the_name_of_a_total_is_counted_in_the_total_once(count: Any, name: str) -> None:
    if count is None:
        MetricsCollector.track_task(name, "SUCCESS", 1.0)
    else:
        count(name, 1.0, "SUCCESS")

    tasks = {
        key: number for key, number in MetricsCollector.get_metrics().items() if key.startswith("celery") and number
    }
    assert tasks == {"celery_task_total": 1, "celery_task_SUCCESS": 1}
    assert metric("enginel_metrics_names_refused") == 1


@pytest.mark.parametrize("kind", ["total", "TOTAL", "created", "|total"])
def test_an_upload_whose_type_is_the_name_of_the_total_is_one_upload(kind: str) -> None:
    MetricsCollector.track_file_upload(5, kind)

    metrics = MetricsCollector.get_metrics()
    assert (metrics["uploads_total"], metrics["uploads_other"], metrics["total_bytes_uploaded"]) == (1, 1, 5)
    assert metric("enginel_metrics_names_refused") == 1


def test_an_operation_named_like_a_request_is_no_request() -> None:
    MetricsCollector.track_request("GET", "api/designs/", 200, 0.1)

    PerformanceMonitor._record_duration(("GET", "api/designs/", 200), 9.0)  # type: ignore[arg-type]

    assert built_in()["http_requests_total"] == 1
    assert PerformanceMonitor.get_request_stats()["GET api/designs/"]["max_duration"] == 0.1


def test_what_an_earlier_release_let_an_application_write_changes_no_count() -> None:
    MetricsCollector.track_request("GET", "api/designs/", 200, 0.1)
    MetricsCollector.track_file_upload(7, "step")
    fields = {"c|flat\x1fhttp_requests_total": 50, "c|flat\x1fendpoint_designs": 9, "g|uploads_total": "9 1e12"}
    redis_for(settings.REDIS_URL).run(lambda client: client.hset("enginel:{m:counters}:1:all", mapping=fields))

    counted = built_in()
    assert (counted["http_requests_total"], counted["endpoint_designs"], counted["uploads_total"]) == (1, 1, 1)
    assert counted["total_bytes_uploaded"] == 7


def test_a_snapshot_is_flat_with_its_moment_first() -> None:
    MetricsCollector.increment_counter("parts_total", 2)
    MetricsCollector.record_gauge("depth", 1.5)

    metrics = MetricsCollector.get_metrics()

    moment, *names = metrics
    assert (moment, metrics["timestamp"][-1]) == ("timestamp", "Z")
    assert names == [*DOCUMENTED, "parts_total", "depth"]
    assert all(isinstance(metrics[name], int | float) for name in names)
    assert (metrics["parts_total"], metrics["depth"], metrics["uploads_total"]) == (2, 1.5, 0)


@pytest.mark.parametrize(
    ("route", "resource"),
    [
        ("api/designs/", "designs"),
        ("api/designs/<uuid:design_id>/finalize/", "designs"),
        ("api/series/", "series"),
        ("api/auth/login/", "auth"),
        ("api/health/", "health"),
        ("api/health/detailed/", "health"),
        ("api/monitoring/groups/<str:key>/", "monitoring"),
        ("^api/designs/(?P<pk>[^/.]+)/$", "designs"),
        ("api/^designs/$", "designs"),
        ("^api/designs\\.(?P<format>[a-z0-9]+)/?$", "designs"),
        ("api/designs<drf_format_suffix:format>", "designs"),
        ("api/bill-of-materials/", "bill_of_materials"),
        ("api/schema", "schema"),
        ("api/", "api"),
        ("metrics", "metrics"),
        ("admin/designs/design/", "admin"),
        ("/", "root"),
        ("", "root"),
        ("api/<path:rest>", ""),
        ("api/<slug:kind>/<int:number>/", ""),
        ("^api/(?P<kind>designs|series)/$", ""),
        ("<path:rest>", ""),
        ("^.*$", ""),
        ("<unresolved>", ""),
        ("__overflow__", ""),
    ],
)
def test_a_resource_is_the_first_literal_segment_below_api(route: str, resource: str) -> None:
    assert resource_of(route) == resource


@pytest.mark.parametrize("task", ["orders.retry", "mark_failed", "notify-success", "app.tasks.send_if_failed"])
def test_a_task_named_like_an_outcome_in_lower_case_has_its_counter(task: str) -> None:
    MetricsCollector.track_task(task, "FAILED", 0.1)

    counted = MetricsCollector.get_metrics()
    assert (counted[f"celery_task_{task}"], counted[f"celery_task_{task}_FAILED"]) == (1, 1)
    assert metric(metric_name(f"celery_task_{task}")) == 1
