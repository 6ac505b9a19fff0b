"""The lists of the guide: names of metrics, retention, thresholds, middleware, levels of the log."""

from __future__ import annotations

import logging
import re
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils.module_loading import import_string
from freezegun import freeze_time

from designs import middleware
from designs.models import User
from designs.monitoring import ErrorTracker, MetricsCollector, PerformanceMonitor
from designs.monitoring.metrics import flusher
from enginel.sample.damage.edits import sample
from tests.designs.conftest import ClientOf
from tests.guide.blocks import GUIDE
from tests.support.promql import known_names

NOON = "2026-06-01T12:00:00Z"
MOMENT = timedelta(seconds=1)


def section(title: str) -> str:
    """Return the text below a heading, to the next heading of any level."""
    return re.split(rf"^#+ {re.escape(title)}\n", GUIDE.read_text(), flags=re.MULTILINE)[-1].partition("\n#")[0]


def names_below(title: str) -> set[str]:
    return {name for name in re.findall(r"`(\w+)`", section(title)) if "<" not in name}


def test_the_four_middlewares_are_applied_to_every_request() -> None:
    shown = re.findall(r"\*\*(\w+Middleware)\*\*", section("3. Middleware (`designs/middleware/`)").replace("#", ""))
    paths = [f"designs.middleware.{name}" for name in shown]

    assert len(shown) == 4
    assert [path for path in settings.MIDDLEWARE if path in paths] == paths
    assert all(callable(import_string(path)) for path in paths)
    assert set(shown) <= set(middleware.__all__)


@pytest.mark.parametrize("name", sorted(names_below("Request Metrics") | names_below("Upload Metrics")))
def test_every_documented_name_is_on_the_page_of_metrics(name: str) -> None:
    assert name in known_names()


@pytest.mark.django_db
def test_requests_are_counted_under_the_documented_names(api: Client) -> None:
    api.get("/api/designs/")
    api.get("/api/series/")
    api.post("/api/series/", {"part_number": ""}, content_type="application/json")

    metrics = MetricsCollector.get_metrics()

    assert {name: metrics[name] for name in names_below("Request Metrics")} == {
        "http_requests_total": 3,
        "http_status_200": 2,
        "http_status_400": 1,
        "endpoint_designs": 1,
        "endpoint_series": 2,
        "api_requests_total": 3,
    }


@pytest.mark.django_db
def test_uploads_are_counted_under_the_documented_names(api: Client, series: Any) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile

    sizes = 0
    for name in ("material.stp", "single_rounded_cube.iges"):
        content = sample(name)
        sizes += len(content)
        form = {"series": str(series.pk), "file": SimpleUploadedFile(name, content)}
        assert api.post("/api/designs/upload/", form).status_code == 201

    metrics = MetricsCollector.get_metrics()

    assert {name: metrics[name] for name in names_below("Upload Metrics")} == {
        "uploads_total": 2,
        "uploads_step": 1,
        "uploads_iges": 1,
        "total_bytes_uploaded": sizes,
    }


class TestRetention:
    def test_counters_are_kept_24_hours(self) -> None:
        with freeze_time(NOON) as clock:
            MetricsCollector.increment_counter("parts_total")
            flusher.flush()
            clock.tick(timedelta(hours=24) - MOMENT)
            assert MetricsCollector.get_metrics()["parts_total"] == 1
            clock.tick(2 * MOMENT)
            assert "parts_total" not in MetricsCollector.get_metrics()

    def test_gauges_are_kept_5_minutes(self) -> None:
        with freeze_time(NOON) as clock:
            MetricsCollector.record_gauge("active_users", 42)
            clock.tick(timedelta(minutes=5) - MOMENT)
            assert MetricsCollector.get_metrics()["active_users"] == 42
            clock.tick(2 * MOMENT)
            assert "active_users" not in MetricsCollector.get_metrics()

    def test_recent_errors_are_kept_1_hour(self) -> None:
        with freeze_time(NOON) as clock:
            ErrorTracker.log_error("it broke")
            clock.tick(timedelta(hours=1) - MOMENT)
            assert len(ErrorTracker.get_recent_errors()) == 1
            clock.tick(2 * MOMENT)
            assert ErrorTracker.get_recent_errors() == []

    def test_the_last_100_errors_are_kept(self) -> None:
        for number in range(105):
            ErrorTracker.log_error(f"error {number}")

        messages = [record["error_message"] for record in ErrorTracker.get_recent_errors(limit=200)]

        assert messages == [f"error {number}" for number in range(104, 4, -1)]

    def test_performance_stats_are_kept_1_hour(self) -> None:
        with freeze_time(NOON) as clock:
            PerformanceMonitor._record_duration("geometry_extraction", 12.5, False)
            flusher.flush()
            clock.tick(timedelta(hours=1) - MOMENT)
            assert PerformanceMonitor.get_operation_stats("geometry_extraction")["count"] == 1
            clock.tick(2 * MOMENT)
            assert PerformanceMonitor.get_operation_stats("geometry_extraction")["count"] == 0


@pytest.mark.parametrize(
    ("operation", "seconds"),
    [("api_request", 5), ("geometry_extraction", 30), ("bom_extraction", 30), ("upload", 60)],
)
def test_an_operation_over_its_threshold_is_one_warning(
    operation: str, seconds: float, caplog: pytest.LogCaptureFixture
) -> None:
    PerformanceMonitor._record_duration(operation, seconds - 0.1, False)
    assert caplog.records == []

    PerformanceMonitor._record_duration(operation, seconds + 0.1, False)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_statistics_are_the_documented_ones() -> None:
    for seconds, failed in ((3.0, False), (9.0, False), (6.0, True)):
        PerformanceMonitor._record_duration("geometry_extraction", seconds, failed)

    stats = PerformanceMonitor.get_operation_stats("geometry_extraction")

    shown = [name.lower().replace(" ", "_") for name in re.findall(r"- \*\*(.+?)\*\*", section("Performance Stats"))]
    documented = {
        "count": 3,
        "total_duration": 18.0,
        "average_duration": 6.0,
        "max_duration": 9.0,
        "min_duration": 3.0,
        "error_count": 1,
        "error_rate": pytest.approx(1 / 3),
    }
    found = {name: stats[name.replace("average", "avg")] for name in documented}
    assert found == documented
    assert set(documented) <= set(shown)


@pytest.mark.parametrize("path", ["dashboard", "errors", "performance"])
@pytest.mark.django_db
def test_the_troubleshooting_addresses_answer_an_admin(client_of: ClientOf, admin_user: User, path: str) -> None:
    assert f"/api/monitoring/{path}/" in GUIDE.read_text()
    assert client_of(admin_user).get(f"/api/monitoring/{path}/").status_code == 200
