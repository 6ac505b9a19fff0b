"""The dashboard and the performance of operations: for admins, in the documented shape, whatever is down."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client, override_settings

from designs.models import User
from designs.monitoring import ErrorTracker, MetricsCollector, PerformanceMonitor
from designs.monitoring.errors import recorder
from integrations.redis import RedisUnavailable
from tests.designs.views.test_monitoring import client_for
from tests.support.outage import REFUSED_URL

pytestmark = pytest.mark.django_db

DASHBOARD, PERFORMANCE = "/api/monitoring/dashboard/", "/api/monitoring/performance/"


@pytest.fixture
def admin(admin_user: User) -> Client:
    return client_for(admin_user)


@pytest.mark.parametrize("url", [DASHBOARD, PERFORMANCE])
class TestAccess:
    def test_nobody_is_asked_to_log_in(self, url: str) -> None:
        response = Client().get(url)

        assert (response.status_code, response["WWW-Authenticate"]) == (401, "Bearer")

    def test_a_user_who_is_no_admin_is_refused(self, url: str) -> None:
        assert client_for(User.objects.create_user("bob")).get(url).status_code == 403

    def test_an_admin_reads_it(self, url: str, admin: Client) -> None:
        assert admin.get(url).status_code == 200

    def test_it_is_only_read(self, url: str, admin: Client) -> None:
        assert admin.post(url).status_code == 405


class TestPerformance:
    @override_settings(REDIS_URL=REFUSED_URL)
    def test_while_redis_is_away_it_is_503_and_no_empty_table(self, admin: Client) -> None:
        response = admin.get(PERFORMANCE)

        assert (response.status_code, set(response.json())) == (503, {"detail", "code", "error_id"})

    @pytest.fixture(autouse=True)
    def measured(self) -> None:
        for seconds in (0.1, 0.5, 0.9):
            PerformanceMonitor._record_duration("bom_extraction", seconds, error_occurred=seconds > 0.8)
        MetricsCollector.track_request("GET", "api/designs/", 200, 0.25)

    def test_it_has_operations_and_requests(self, admin: Client) -> None:
        body = admin.get(PERFORMANCE).json()

        stats = body["operations"]["bom_extraction"]
        assert (stats["count"], stats["error_count"], stats["error_rate"]) == (3, 1, pytest.approx(1 / 3))
        assert (stats["min_duration"], stats["max_duration"]) == (0.1, 0.9)
        assert stats["p50"] == pytest.approx(0.5, rel=0.011)
        assert body["requests"]["GET api/designs/"]["count"] == 1

    def test_the_dashboard_has_the_operations_too(self, admin: Client) -> None:
        body = admin.get(DASHBOARD).json()

        assert body["performance"]["bom_extraction"]["count"] == 3
        assert body["metrics"]["http_requests_total"] == 1


class TestDashboard:
    def test_it_has_the_documented_parts(self, admin: Client) -> None:
        body = admin.get(DASHBOARD).json()

        assert body.keys() == {"health", "recent_errors", "performance", "metrics"}
        assert body["health"].keys() == {"status", "timestamp", "checks"}
        assert {"database", "redis", "celery", "storage"} <= body["health"]["checks"].keys()
        assert next(iter(body["metrics"])) == "timestamp"
        assert body["metrics"].keys() >= {"uploads_total", "total_bytes_uploaded"}

    def test_it_shows_the_ten_newest_errors(self, admin: Client) -> None:
        for number in range(12):
            ErrorTracker.log_error(f"row {'x' * number}")

        assert admin.get(DASHBOARD).json()["recent_errors"] == ErrorTracker.get_recent_errors(10)

    @override_settings(REDIS_URL=REFUSED_URL)
    def test_while_redis_is_away_it_is_503_with_health_and_what_this_process_knows(self, admin: Client) -> None:
        ErrorTracker.log_error("kept by this process")
        response = admin.get(DASHBOARD)

        body = response.json()
        assert response.status_code == 503
        assert set(body) == {"detail", "code", "error_id", "health", "this_process"}
        assert body["health"]["checks"]["redis"]["status"] == "unhealthy"
        assert [error["error_message"] for error in body["this_process"]["recent_errors"]] == ["kept by this process"]

    def test_redis_that_goes_away_between_two_reads_makes_no_empty_list(
        self, admin: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def away(*args: Any) -> Any:
            raise RedisUnavailable("away", asked=True)

        monkeypatch.setattr(recorder.error_store, "read_recent", away)

        assert admin.get(DASHBOARD).status_code == 503
