"""Caches keep static files and feeds only, and pages run code of this service only. See the access table, too."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from designs.models import Membership, Organization, Series, User
from designs.monitoring.health import checker
from tests.designs.conftest import MakeDesign
from tests.support.browser import Browser, browser
from tests.support.probe_views import doing, raising
from tests.support.serving import KINDS, get_as

__all__ = ["browser"]

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls")]


@pytest.fixture(params=KINDS)
def get(request: pytest.FixtureRequest) -> Any:
    return get_as(request, raise_request_exception=False)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/health/", 200),
        ("/api/health/ready/", 200),
        ("/api/health/detailed/?format=json&checks=database", 200),
        ("/api/schema/", 200),
        ("/api/docs/", 200),
        ("/api/docs/?script", 200),
        ("/api/organizations/", 401),
        ("/api/designs/", 401),
        ("/api/monitoring/errors/", 401),
        ("/api/auth/login/", 405),
        ("/api/nowhere/", 404),
        ("/api/designs", 301),
        ("/api/probe/plain/", 500),
    ],
)
def test_nothing_below_api_is_kept(get: Any, path: str, status: int) -> None:
    with doing(raising(RuntimeError("broken"))):
        response = get(path)

    assert response.status_code == status
    assert "no-store" in response["Cache-Control"]


def test_data_of_a_user_is_not_kept(admin_client: Client) -> None:
    for path in ("/api/organizations/", "/api/series/", "/api/designs/", "/api/monitoring/groups/"):
        assert admin_client.get(path)["Cache-Control"] == "no-store", path


@pytest.mark.parametrize("kind", ["rss", "atom"])
def test_readers_of_feeds_may_ask_whether_there_is_a_change(client: Client, kind: str) -> None:
    client.get("/api/health/detailed/?checks=database")
    # The first finding is a change; a thread notes it.
    checker.runner.wait(10)

    first = client.get(f"/api/health/detailed/?checks=database&format={kind}")

    assert (first["Cache-Control"], bool(first["ETag"])) == ("private, no-cache", True)
    again = client.get(f"/api/health/detailed/?checks=database&format={kind}", headers={"if-none-match": first["ETag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("path", ["/admin", "/admin/", "/admin/login/", "/admin/designs", "/nowhere", "/", "/metrics"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "OPTIONS", "BREW"])
def test_no_answer_of_a_page_is_kept(client: Client, admin_client: Client, method: str, path: str) -> None:
    for visitor in (client, admin_client):
        assert "no-store" in visitor.generic(method, path)["Cache-Control"]


def test_static_files_are_kept(client: Client) -> None:
    answer = client.get("/static/admin/css/base.css")
    answer.close()

    assert answer.status_code == 200
    assert "no-store" not in answer["Cache-Control"]


@pytest.mark.parametrize(
    "path", ["/", "/nowhere/", "/admin/login/", "/admin/nowhere/", "/api/docs/", "/api/health/detailed/?format=html"]
)
def test_each_page_has_a_policy_that_runs_nothing_inline(get: Any, path: str) -> None:
    response = get(path)

    assert response["Content-Type"].startswith("text/html")
    policy = dict(part.strip().partition(" ")[::2] for part in response["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy.get("script-src", "'none'") in {"'none'", "'self'"}
    assert (policy["base-uri"], policy["frame-ancestors"]) == ("'none'", "'none'")
    assert "unsafe" not in response["Content-Security-Policy"]


def admin_pages(objects: list[Any]) -> list[str]:
    pages = [reverse("admin:index"), reverse("admin:password_change"), reverse("admin-monitoring")]
    for model in apps.get_models():
        if not admin.site.is_registered(model):
            continue
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        pages.append(reverse(f"{name}_changelist"))
        if model in {User, Organization, Membership, Series}:
            pages.append(reverse(f"{name}_add"))
    for row in objects:
        name = f"admin:{row._meta.app_label}_{row._meta.model_name}"
        pages += [reverse(f"{name}_{what}", args=[row.pk]) for what in ("change", "delete", "history")]
    return pages


@pytest.mark.slow
class TestInABrowser:
    def test_no_page_of_the_admin_breaks_the_policy(
        self,
        browser: Browser,
        live_server: LiveServer,
        admin_client: Client,
        admin_user: User,
        make_design: MakeDesign,
        acme: Organization,
    ) -> None:
        session = admin_client.cookies[settings.SESSION_COOKIE_NAME].value
        member = Membership.objects.create(user=admin_user, organization=acme)
        rows = [make_design(), acme, member, Series.objects.get(), admin_user]
        for page in [*admin_pages(rows), reverse("admin:login")]:
            look = browser.look(live_server.url + page, cookies={settings.SESSION_COOKIE_NAME: session})
            assert (look.status, look.console, look.foreign) == (200, [], []), page

    def test_the_page_of_the_api_works_within_the_policy(self, browser: Browser, live_server: LiveServer) -> None:
        answers: list[int] = []

        def try_liveness(page: Page) -> None:
            page.click("text=/api/organizations/ >> nth=0")
            page.click("button:has-text('Try it out')")
            with page.expect_response("**/api/organizations/**") as answer:
                page.click("button:has-text('Execute')")
            answers.append(answer.value.status)
            page.wait_for_selector("text=Response headers")

        look = browser.look(f"{live_server.url}/api/docs/", until=try_liveness)

        assert answers == [401]
        # Chromium prints a line for the 401 that was asked for.
        assert [line for line in look.console if "status of 401" not in line] == []
        assert look.foreign == []
        assert look.title == "Enginel"
