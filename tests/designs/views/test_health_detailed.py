"""The detailed answer names what is wrong, and no more."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError
from django.test import AsyncClient, Client, override_settings
from health_check.exceptions import ServiceUnavailable, ServiceWarning
from knox.models import AuthToken

from designs.models import User
from designs.monitoring import ErrorTracker, HealthChecker
from designs.monitoring.health import checker
from integrations.health import CADKernel, Plugin
from tests.support.outage import REFUSED_URL

URL = "/api/health/detailed/"
READY_URL = "/api/health/ready/"
COMPONENTS = ["database", "redis", "celery", "storage", "kernel", "sentry", "beat"]
SECRET = "could not connect to db-7.internal.example.org"

pytestmark = pytest.mark.django_db


class Broken(Plugin):
    def run(self) -> None:
        raise ServiceUnavailable("does not answer") from OperationalError(SECRET)


class Worried(Plugin):
    def run(self) -> None:
        raise ServiceWarning("almost full")


class Raising(Plugin):
    def run(self) -> None:
        raise ValueError(SECRET)


@pytest.fixture(autouse=True)
def nothing_under_way() -> Iterator[None]:
    yield
    checker.runner.wait(10)


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Any:
    return lambda component, plugin: monkeypatch.setitem(checker._plugins, component, plugin)


@pytest.fixture
def admin_token() -> str:
    user = User.objects.create_user("admin", is_staff=True)
    return AuthToken.objects.create(user)[1]


def test_all_is_healthy(client: Client) -> None:
    response = client.get(URL)

    assert response.status_code == 200
    body = response.json()
    assert set(body) == {"status", "timestamp", "checks"}
    assert list(body["checks"]) == COMPONENTS
    assert body["checks"]["database"] == {"status": "healthy", "message": "Database connection OK"}
    assert body["checks"]["celery"] == {"status": "healthy", "message": "tasks run in process", "workers": []}
    assert body["checks"]["beat"]["message"] == "tasks run in process"


def test_a_warning_makes_it_degraded_with_200(client: Client, make: Any) -> None:
    make("kernel", lambda: CADKernel(lambda: False))

    response = client.get(URL)

    assert (response.status_code, response.json()["status"]) == (200, "degraded")
    assert response.json()["checks"]["kernel"] == {
        "status": "degraded",
        "message": "not installed: geometry cannot be extracted",
    }


@override_settings(REDIS_URL=REFUSED_URL)
def test_with_redis_away_it_is_503_and_names_no_address(client: Client) -> None:
    response = client.get(URL)

    assert (response.status_code, response.json()["status"]) == (503, "unhealthy")
    assert response.json()["checks"]["redis"] == {"status": "unhealthy", "message": "does not answer"}
    assert "127.0.0.1" not in response.content.decode()


def test_a_check_that_fails_by_itself_is_unhealthy_and_tells_nothing(client: Client, make: Any) -> None:
    make("storage", Raising)

    body = client.get(URL).json()

    assert body["checks"]["storage"] == {"status": "unhealthy", "message": "cannot be checked"}


@pytest.mark.parametrize("wanted", ["json", "text", "html", "openmetrics", "rss", "atom"])
@pytest.mark.parametrize("plugin", [Broken, Raising])
def test_no_format_tells_what_an_exception_said(client: Client, make: Any, plugin: Any, wanted: str) -> None:
    make("storage", plugin)

    assert "internal" not in client.get(URL, {"format": wanted}).content.decode()


@pytest.mark.parametrize(("wanted", "status"), [("json", 503), ("text", 503), ("html", 503), ("openmetrics", 200)])
def test_what_people_and_probes_read_is_503_when_unhealthy(client: Client, make: Any, wanted: str, status: int) -> None:
    make("storage", Broken)

    assert client.get(URL, {"format": wanted}).status_code == status


@pytest.mark.parametrize("wanted", ["json", "text", "html", "openmetrics", "rss", "atom"])
def test_a_warning_is_200_in_every_format(client: Client, make: Any, wanted: str) -> None:
    make("storage", Worried)

    assert client.get(URL, {"format": wanted}).status_code == 200


def test_the_text_has_a_line_a_component(client: Client, make: Any) -> None:
    make("storage", Worried)
    make("kernel", Broken)

    lines = client.get(URL, {"format": "text"}).content.decode().splitlines()

    assert [line.partition(":")[0] for line in lines] == COMPONENTS
    assert {"database: OK", "storage: Warning: almost full", "kernel: Unavailable: does not answer"} <= set(lines)


def test_openmetrics_tells_warnings_from_failures(client: Client, make: Any) -> None:
    make("storage", Worried)
    make("kernel", Broken)

    text = client.get(URL, {"format": "openmetrics"}).content.decode()

    assert 'django_health_check_status{check="storage"} 1\n' in text
    assert 'django_health_check_status{check="kernel"} 0\n' in text
    assert 'enginel_health_degraded{check="storage"} 1\n' in text
    assert 'enginel_health_degraded{check="kernel"} 0\n' in text
    assert text.count("# EOF") == 1
    assert text.endswith("# EOF\n")


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html"),
        ("text/plain", "text/plain"),
        ("application/openmetrics-text;version=1.0.0;q=0.5", "application/openmetrics-text"),
        ("application/atom+xml", "application/atom+xml"),
        ("application/rss+xml", "application/rss+xml"),
    ],
)
def test_the_accept_header_chooses_the_format(client: Client, accept: str, content_type: str) -> None:
    response = client.get(URL, headers={"accept": accept} if accept else {})

    assert response["Content-Type"].startswith(content_type)
    assert "Accept" in response["Vary"]
    assert "no-cache" in response["Cache-Control"]


@pytest.mark.parametrize(
    "accept", ["image/png", "image/*", "application/json;q=0", "*/*;q=0", "text/csv, image/png;q=.5"]
)
def test_an_accept_header_that_cannot_be_met_is_406(client: Client, accept: str) -> None:
    response = client.get(URL, headers={"accept": accept})

    assert (response.status_code, response.json()["code"]) == (406, "not_acceptable")


def test_some_components_can_be_asked_for(client: Client, make: Any) -> None:
    make("storage", Broken)

    response = client.get(URL, {"checks": "redis,database"})

    assert (response.status_code, list(response.json()["checks"])) == (200, ["redis", "database"])


@pytest.mark.parametrize(
    "query", [{"checks": "databse"}, {"checks": ""}, {"checks": "redis,<b>"}, {"format": "yaml"}, {"format": ""}]
)
def test_unknown_names_in_the_query_are_refused_and_not_repeated(client: Client, query: dict[str, str]) -> None:
    response = client.get(URL, query)

    assert (response.status_code, response.json()["code"]) == (400, "invalid")
    assert "<b>" not in response.content.decode()


def test_head_has_the_status_and_no_body(client: Client, make: Any) -> None:
    make("storage", Broken)

    response = client.head(URL)

    assert (response.status_code, response.content) == (503, b"")


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "options"])
def test_other_methods_are_refused_with_the_error_body(method: str) -> None:
    response = getattr(Client(enforce_csrf_checks=True), method)(URL)

    assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")
    assert response["Allow"] == "GET, HEAD"


def test_a_sick_component_is_no_error_of_the_request(
    client: Client, make: Any, caplog: pytest.LogCaptureFixture
) -> None:
    make("storage", Broken)

    assert [client.get(URL).status_code for _ in range(3)] == [503] * 3
    assert ErrorTracker.get_recent_errors() == []
    assert [record.name for record in caplog.records if record.levelname == "ERROR"] == ["enginel.health"]


def test_the_public_asks_no_user_of_the_database(client: Client, django_assert_num_queries: Any) -> None:
    HealthChecker.report()

    with django_assert_num_queries(0):
        client.get(URL)


def test_admins_see_what_the_exception_said(client: Client, make: Any, admin_token: str) -> None:
    make("storage", Broken)

    by_token = client.get(URL, headers={"authorization": f"Bearer {admin_token}"}).json()
    client.force_login(User.objects.get(username="admin"))
    by_session = client.get(URL).json()

    for body in (by_token, by_session):
        assert body["checks"]["storage"]["detail"].endswith(SECRET)
        assert body["checks"]["database"]["seconds"] >= 0
    assert SECRET in client.get(URL, {"format": "html"}).content.decode()


@pytest.mark.parametrize("token", ["nonsense", "\x00", ""])
def test_a_wrong_token_sees_what_anyone_sees(client: Client, make: Any, token: str) -> None:
    make("storage", Broken)

    response = client.get(URL, headers={"authorization": f"Bearer {token}"})

    assert response.status_code == 503
    assert "detail" not in response.json()["checks"]["storage"]


def test_users_who_are_no_admins_see_what_anyone_sees(client: Client, make: Any) -> None:
    make("storage", Broken)
    client.force_login(User.objects.create_user("engineer"))

    assert "detail" not in client.get(URL).json()["checks"]["storage"]


def test_with_the_database_away_nobody_is_an_admin(client: Client, make: Any, admin_token: str) -> None:
    make("database", Broken)

    response = client.get(URL, headers={"authorization": f"Bearer {admin_token}"})

    assert (response.status_code, "detail" in response.json()["checks"]["database"]) == (503, False)


def test_the_page_names_state_message_and_change_of_each_component(client: Client, make: Any) -> None:
    make("storage", Worried)
    client.get(URL)
    checker.runner.wait(10)

    response = client.get(URL, headers={"accept": "text/html"})

    [storage] = [row for row in response.context["components"] if row["name"] == "storage"]
    assert (storage["status"], storage["message"], storage["detail"]) == ("degraded", "almost full", "")
    assert storage["changed_at"] is not None
    assert len(storage["strip"]) == 60
    assert storage["strip"][-2:] in (["", "degraded"], ["degraded", "degraded"], ["degraded", ""])
    assert response.context["status"] == "degraded"


def test_under_asgi_it_answers_many_at_once_though_a_component_hangs(make: Any) -> None:
    release = threading.Event()

    class Hung(Plugin):
        def run(self) -> None:
            release.wait(30)

    make("storage", Hung)

    async def ask_all() -> list[Any]:
        return await asyncio.gather(*(AsyncClient().get(URL) for _ in range(20)))

    with override_settings(ENGINEL_HEALTH_DEADLINE_SECONDS=0.5):
        try:
            responses = asyncio.run(asyncio.wait_for(ask_all(), 20))
        finally:
            release.set()

    assert {response.status_code for response in responses} == {503}
    assert {json.loads(response.content)["checks"]["storage"]["message"] for response in responses} == {
        "did not answer in time"
    }


def test_a_process_is_ready_while_its_database_answers_whatever_else_is_away(client: Client, make: Any) -> None:
    for component in ("redis", "celery", "storage", "beat"):
        make(component, Broken)

    response = client.get(READY_URL)

    assert (response.status_code, list(response.json()["checks"])) == (200, ["database"])


def test_a_process_without_its_database_is_not_ready(client: Client, make: Any) -> None:
    make("database", Broken)

    assert client.get(READY_URL).status_code == 503


def test_what_a_process_needs_to_be_ready_is_a_setting(client: Client, make: Any) -> None:
    make("storage", Broken)

    with override_settings(ENGINEL_READY_COMPONENTS=["database", "storage"]):
        assert client.get(READY_URL).status_code == 503


class TestHealthCheckEndpoints:
    """The documented tests."""

    def test_basic_health_check(self, client: Client) -> None:
        response = client.get("/api/health/")
        assert response.status_code == 200
        data = response.json()
        assert data["status"] == "ok"

    def test_detailed_health_check(self, client: Client) -> None:
        response = client.get("/api/health/detailed/")
        assert response.status_code == 200
        data = response.json()
        assert "checks" in data
        assert "database" in data["checks"]
        assert "redis" in data["checks"]


def test_the_page_names_the_observer_of_a_state_to_admins_only(client: Client, admin_token: str) -> None:
    client.get(URL)
    checker.runner.wait(10)
    (observer,) = {found["by"] for found in HealthChecker.last_known().values()}
    assert observer

    assert observer not in client.get(URL, {"format": "html"}).content.decode()
    client.force_login(User.objects.get(username="admin"))
    assert f"seen by <bdi>{observer}</bdi>" in client.get(URL, {"format": "html"}).content.decode()
