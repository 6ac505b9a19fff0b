"""The start page and the pages of errors: in our look, with an id and a way back, and without the insides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import Http404
from django.test import Client, override_settings
from pytest_django.live_server_helper import LiveServer

from designs.monitoring import ErrorTracker
from tests.support.browser import Browser, browser, flaws, keep
from tests.support.probe_views import doing, raising

__all__ = ["browser"]

pytestmark = pytest.mark.urls("tests.urls")

URL = "/probe/plain/"
SECRET = "the password is hunter2hunter2"
CASES: dict[str, tuple[Any, int, str]] = {
    "400": (SuspiciousOperation(SECRET), 400, "Request not understood"),
    "403": (PermissionDenied(SECRET), 403, "No permission"),
    "404": (Http404(SECRET), 404, "Page not found"),
    "500": (RuntimeError(SECRET), 500, "Something went wrong"),
}
cases = pytest.mark.parametrize(("error", "status", "heading"), CASES.values(), ids=CASES.keys())


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False)


@cases
def test_a_page_says_what_happened_and_the_way_back(client: Client, error: Any, status: int, heading: str) -> None:
    with doing(raising(error)):
        response = client.get(URL, headers={"accept": "text/html,*/*;q=0.8"})

    page = response.content.decode()
    assert response.status_code == status
    assert response["Content-Type"].startswith("text/html")
    assert f"<h1>{heading}</h1>" in page
    assert '<a href="/">Back to the start page</a>' in page
    assert SECRET not in page
    assert response["Cache-Control"] == "no-store"
    assert "default-src 'none'" in response["Content-Security-Policy"]


def test_a_failure_names_its_record(client: Client) -> None:
    with doing(raising(RuntimeError("x"))):
        page = client.get(URL).content.decode()

    (record,) = ErrorTracker.get_recent_errors()
    assert f"Error id <code>{record['event_id']}</code>" in page


def test_what_is_not_recorded_names_its_request(client: Client) -> None:
    response = client.get("/nowhere/", headers={"x-request-id": "my-request-1"})

    assert (response.status_code, response["X-Request-ID"]) == (404, "my-request-1")
    assert "Request id <code>my-request-1</code>" in response.content.decode()
    assert ErrorTracker.get_recent_errors() == []


@cases
@pytest.mark.parametrize(
    ("path", "accept"), [(URL, "application/json"), ("/api/probe/plain/", "text/html"), ("/api/probe/plain/", "*/*")]
)
def test_programs_get_json(client: Client, error: Any, status: int, heading: str, path: str, accept: str) -> None:
    with doing(raising(error)):
        response = client.get(path, headers={"accept": accept})

    assert response.status_code == status
    assert set(response.json()) == {"detail", "code", "error_id"}
    assert SECRET not in response.content.decode()


@pytest.mark.parametrize("accept", [None, "*/*", "text/html", "text/html, image/gif, *; q=.2, */*; q=.2", "TEXT/HTML"])
def test_everybody_else_gets_a_page(client: Client, accept: str | None) -> None:
    response = client.get("/nowhere/", headers={} if accept is None else {"accept": accept})

    assert response["Content-Type"].startswith("text/html")


def test_a_form_without_its_token_is_told_what_to_do() -> None:
    response = Client(enforce_csrf_checks=True).post("/admin/login/", {"username": "a"})

    assert response.status_code == 403
    assert "<h1>Form not accepted</h1>" in response.content.decode()


def test_another_host_gets_the_page_too(client: Client) -> None:
    response = client.get("/", headers={"host": "evil.example.com"})

    assert response.status_code == 400
    assert "<h1>Request not understood</h1>" in response.content.decode()
    assert "evil" not in response.content.decode()


@pytest.mark.django_db
def test_no_page_asks_the_database(client: Client, admin_user: Any, django_assert_num_queries: Any) -> None:
    client.force_login(admin_user)

    with django_assert_num_queries(0):
        assert client.get("/").status_code == 200
        assert client.get("/nowhere/").status_code == 404
        with doing(raising(RuntimeError("x"))):
            assert client.get(URL).status_code == 500


@pytest.mark.parametrize("broken", ["templates", "static files"])
def test_a_failure_of_the_pages_themselves_is_still_answered(
    client: Client, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed: dict[str, Any] = {
        "templates": {"TEMPLATES": []},
        "static files": {"STORAGES": {"staticfiles": {"BACKEND": "nowhere.Storage"}}},
    }[broken]
    with override_settings(**changed), doing(raising(RuntimeError(SECRET))):
        response = client.get(URL)

    assert response.status_code == 500
    assert b"Something went wrong" in response.content
    assert b'<a href="/">' in response.content
    assert SECRET.encode() not in response.content


def test_the_start_page_leads_everywhere(client: Client) -> None:
    page = client.get("/").content.decode()

    for path in ("/api/health/detailed/", "/admin/", "/admin/monitoring/", "/api/docs/", "/api/schema/"):
        assert f'href="{path}"' in page


@pytest.mark.django_db
def test_each_link_of_the_start_page_is_there(client: Client) -> None:
    links = client.get("/", headers={"accept": "application/json"}).json()["links"]

    assert len(links) == 5
    for path in links.values():
        assert client.get(path).status_code in {200, 302, 401, 503}


def test_the_start_page_is_only_read(client: Client) -> None:
    assert client.head("/").status_code == 200
    assert client.post("/").status_code == 405


class TestInABrowser:
    @cases
    def test_errors_are_readable_everywhere(
        self, browser: Browser, live_server: LiveServer, tmp_path: Path, error: Any, status: int, heading: str
    ) -> None:
        with doing(raising(error)):
            looks = browser.tour(f"{live_server.url}{URL}")

        keep(looks, tmp_path, str(status))
        assert flaws(looks) == {}
        for look in looks.values():
            assert (look.status, look.title) == (status, f"{heading} · enginel")
            assert "Back to the start page" in look.text

    def test_the_start_page_is_readable_everywhere(
        self, browser: Browser, live_server: LiveServer, tmp_path: Path
    ) -> None:
        looks = browser.tour(f"{live_server.url}/")

        keep(looks, tmp_path, "start")
        assert flaws(looks) == {}
        for look in looks.values():
            assert look.status == 200
            assert "Dashboard" in look.text


def test_the_icon_that_browsers_ask_for_is_served(client: Client) -> None:
    redirect = client.get("/favicon.ico")
    icon = client.get(redirect["Location"])
    icon.close()

    assert redirect.status_code == 302
    assert (icon.status_code, icon["Content-Type"]) == (200, "image/svg+xml")
