"""GET /metrics: who may read it, in which form, and what it says when nothing can be known."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Mapping
from typing import Any

import pytest
from django.test import Client, override_settings
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from designs.models import Design, Organization
from designs.monitoring import ErrorTracker, HealthChecker, HealthReport, Outcome
from designs.monitoring.exposition import scrape
from designs.monitoring.exposition.metrics_page import DOCUMENTED
from designs.monitoring.health.checker import history
from integrations.celery import heartbeats
from integrations.redis import redis_for
from tests.support.outage import REFUSED_URL

pytestmark = pytest.mark.django_db

URL = "/metrics"
TOKEN = "correct-horse-battery-staple"


def values(body: bytes) -> dict[str, float]:
    """Return what carries no label."""
    return {s.name: s.value for family in parse_text(body.decode()) for s in family.samples if not s.labels}


def component_health(client: Client) -> dict[str, float]:
    families = parse_text(client.get(URL).content.decode())
    samples = [sample for family in families for sample in family.samples if sample.name == "enginel_component_health"]
    return {sample.labels["component"]: sample.value for sample in samples}


class TestAccess:
    def status(self, address: str = "203.0.113.9", **headers: str) -> int:
        return Client(REMOTE_ADDR=address).get(URL, headers=headers).status_code

    @override_settings(ENGINEL_METRICS_ALLOWED_IPS=())
    def test_it_is_closed_unless_somebody_opens_it(self) -> None:
        assert self.status("127.0.0.1") == 403

    @override_settings(ENGINEL_METRICS_TOKEN=TOKEN)
    def test_the_token_opens_it_from_anywhere(self) -> None:
        assert self.status(authorization=f"Bearer {TOKEN}") == 200
        assert self.status(authorization=f"bearer  {TOKEN} ") == 200

    @override_settings(ENGINEL_METRICS_TOKEN=TOKEN)
    @pytest.mark.parametrize(
        "header", ["", "Bearer", "Bearer ", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN[:-1]}", "Bearer \xff\u20ac"]
    )
    def test_anything_else_does_not(self, header: str) -> None:
        response = Client(REMOTE_ADDR="203.0.113.9").get(URL, headers={"authorization": header})

        assert (response.status_code, response["WWW-Authenticate"]) == (401, "Bearer")
        assert ErrorTracker.get_recent_errors() == []

    def test_no_token_is_not_an_empty_token(self) -> None:
        assert self.status(authorization="Bearer ") == 403

    @override_settings(ENGINEL_METRICS_ALLOWED_IPS=("10.1.0.0/16", "2001:db8::/32"))
    @pytest.mark.parametrize(
        ("address", "status"),
        [
            ("10.1.2.3", 200),
            ("::ffff:10.1.2.3", 200),
            ("2001:db8::1", 200),
            ("10.2.0.1", 403),
            ("2001:db9::1", 403),
            ("127.0.0.1", 403),
            ("", 403),
            ("unix:", 403),
        ],
    )
    def test_addresses_on_the_list_need_no_token(self, address: str, status: int) -> None:
        assert self.status(address) == status

    @override_settings(ENGINEL_METRICS_ALLOWED_IPS=("10.1.0.0/16",))
    def test_nobody_can_say_that_he_is_somebody_else(self) -> None:
        claims = {"x-forwarded-for": "10.1.2.3"}
        assert self.status(**claims) == 403
        with override_settings(ENGINEL_BEHIND_PROXY=True):
            # The proxy adds whom it saw at the end.
            assert self.status("10.1.0.1", **{"x-forwarded-for": "10.1.2.3, 203.0.113.9"}) == 403
            assert self.status("203.0.113.1", **{"x-forwarded-for": "203.0.113.9, 10.1.2.3"}) == 200
            assert self.status("10.1.0.1", **{"x-forwarded-for": "10.1.2.3, nonsense"}) == 403

    @override_settings(ENGINEL_METRICS_ALLOWED_IPS=("203.0.113.9",))
    def test_a_session_is_neither_needed_nor_made(self, django_assert_max_num_queries: Any) -> None:
        with django_assert_max_num_queries(2):  # what is stored, and what may be
            response = Client(REMOTE_ADDR="203.0.113.9").get(URL)

        assert (response.status_code, dict(response.cookies)) == (200, {})

    @pytest.mark.parametrize("method", ["post", "put", "delete", "options"])
    def test_other_methods_are_refused(self, client: Client, method: str) -> None:
        response = getattr(client, method)(URL)

        assert (response.status_code, response["Allow"]) == (405, "GET, HEAD")


class TestForm:
    def test_plain_text_unless_openmetrics_is_asked_for(self, client: Client) -> None:
        response = client.get(URL)

        assert response["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert (response["Vary"], response["Cache-Control"]) == ("Accept, Accept-Encoding", "no-store")
        assert values(response.content)["http_requests_total"] >= 0

    def test_openmetrics_by_accept(self, client: Client) -> None:
        response = client.get(URL, headers={"accept": "application/openmetrics-text;version=1.0.0,*/*;q=0.1"})

        assert response["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
        assert "http_requests" in [family.name for family in parse_openmetrics(response.content.decode())]

    @pytest.mark.parametrize(
        ("accept", "compressed"),
        [("gzip", True), ("br, gzip;q=0.5", True), ("gzip;q=0", False), ("gzip; q=0.0", False), ("br", False)],
    )
    def test_gzip_by_accept_encoding(self, client: Client, accept: str, compressed: bool) -> None:
        for kind in ("text/plain", "application/openmetrics-text"):
            response = client.get(URL, headers={"accept-encoding": accept, "accept": kind})

            assert response.has_header("Content-Encoding") is compressed
            body = gzip.decompress(response.content) if compressed else response.content
            assert body.startswith(b"# HELP http_requests")

    def test_head_is_answered_without_a_body(self, client: Client) -> None:
        assert (client.head(URL).status_code, client.head(URL).content) == (200, b"")


class TestContent:
    def test_every_documented_name_is_there_before_anything_happened(self, client: Client) -> None:
        found = values(client.get(URL).content)

        gauges = {"celery_workers_active", "storage_used_gb", "storage_quota_gb"}
        assert DOCUMENTED.keys() | gauges | {"api_request_duration_count", "api_request_duration_sum"} <= found.keys()
        assert all(found[name] >= 0 for name in gauges)

    def test_storage_is_that_of_all_organizations(
        self, client: Client, acme: Organization, rival: Organization, make_design: Any
    ) -> None:
        make_design()
        Design.objects.update(size_bytes=1_500_000_000)
        Organization.objects.update(storage_quota_bytes=4_000_000_000)

        found = values(client.get(URL).content)

        assert (found["storage_used_gb"], found["storage_quota_gb"]) == (1.5, 8)

    def test_errors_are_counted(self, client: Client) -> None:
        for number in range(3):
            ErrorTracker.log_error(ValueError(f"row {number}"))

        assert values(client.get(URL).content)["enginel_error_occurrences_total"] == 3

    def test_workers_and_what_waits_for_them_are_counted(self, client: Client, settings: Any) -> None:
        gateway = redis_for(settings.REDIS_URL)
        for name in ("worker@a", "worker@b"):
            heartbeats.tell(gateway, heartbeats.WORKERS_KEY, name, {})
        gateway.run(lambda client: client.lpush("celery", "a task", "another", "a third"))

        found = values(client.get(URL).content)

        assert (found["celery_workers_active"], found["enginel_task_queue_depth"]) == (2, 3)

    def test_health_is_what_was_found_last(self, client: Client) -> None:
        HealthChecker.check_redis()

        assert component_health(client) == {"redis": 1}

    def test_health_is_asked_anew_when_nobody_has_for_a_while(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        outcome = Outcome("redis", "degraded", "answers slowly", "", 0.1)

        def report(names: list[str]) -> HealthReport:
            return HealthReport({"redis": outcome} if "redis" in names else {})

        monkeypatch.setattr(HealthChecker, "report", report)

        with override_settings(ENGINEL_METRICS_HEALTH_SECONDS=30, ENGINEL_METRICS_CACHE_SECONDS=0):
            assert component_health(client) == {"redis": 0.5}
            history.note(Outcome("redis", "healthy", "answers", "", 0.1))
            history.settle()
            assert component_health(client) == {"redis": 1}

    def test_no_secret_is_in_it(self, client: Client) -> None:
        with override_settings(ENGINEL_METRICS_TOKEN=TOKEN):
            ErrorTracker.log_error("password=hunter2hunter2")
            body = client.get(URL).content

        assert TOKEN.encode() not in body
        assert b"hunter2" not in body


class TestStoreAway:
    @override_settings(REDIS_URL=REFUSED_URL)
    def test_it_is_503_and_never_zeros(self, client: Client) -> None:
        response = client.get(URL)

        assert (response.status_code, response["Retry-After"]) == (503, "1")
        assert b"http_requests_total" not in response.content
        assert set(response.json()) == {"detail", "code", "error_id"}

    def test_what_was_read_before_is_not_shown_for_now(self, client: Client, settings: Any) -> None:
        assert client.get(URL).status_code == 200
        settings.REDIS_URL, settings.ENGINEL_METRICS_CACHE_SECONDS = REFUSED_URL, 0
        assert client.get(URL).status_code == 503

    def test_it_is_no_error_of_its_own(self, client: Client, settings: Any) -> None:
        working, settings.REDIS_URL = settings.REDIS_URL, REFUSED_URL
        assert client.get(URL).status_code == 503
        settings.REDIS_URL = working

        assert ErrorTracker.get_recent_errors() == []


class TestCache:
    @pytest.fixture
    def reads(self, monkeypatch: pytest.MonkeyPatch) -> list[int]:
        made: list[int] = []
        read = scrape._read

        def counted(*args: Any) -> Any:
            made.append(1)
            return read(*args)

        monkeypatch.setattr(scrape, "_read", counted)
        return made

    @override_settings(ENGINEL_METRICS_CACHE_SECONDS=60)
    def test_a_storm_of_scrapes_is_one_read(self, reads: list[int]) -> None:
        def storage() -> Mapping[str, float]:
            return {"storage_used_gb": 1, "storage_quota_gb": 2}

        pages: list[scrape.MetricsPage] = []
        threads = [threading.Thread(target=lambda: pages.append(scrape.metrics_page(storage))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert (len(reads), len(pages)) == (1, 8)
        assert len({id(page) for page in pages}) == 1

    @override_settings(ENGINEL_METRICS_CACHE_SECONDS=0)
    def test_without_it_each_scrape_reads(self, client: Client, reads: list[int]) -> None:
        client.get(URL)
        client.get(URL)

        assert len(reads) == 2

    @override_settings(ENGINEL_METRICS_CACHE_SECONDS=0)
    def test_the_database_is_asked_once_a_minute(self, client: Client, django_assert_num_queries: Any) -> None:
        client.get(URL)
        with django_assert_num_queries(0):
            assert client.get(URL).status_code == 200

    def test_a_database_that_fails_leaves_the_rest(self, allow_swallowed: None) -> None:
        def storage() -> Mapping[str, float]:
            raise OSError("away")

        found = values(scrape.metrics_page(storage).body(openmetrics=False, compressed=False))

        assert found["storage_used_gb"] != found["storage_used_gb"]
        assert found["http_requests_total"] >= 0
