"""The status page as a browser shows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.test import RequestFactory
from pytest_django.live_server_helper import LiveServer

from designs.views.pages import sealed
from tests.support.browser import DESKTOP, PHONE, Browser, browser, flaws, keep
from tests.support.page_samples import HOSTILE, status_context
from tests.support.probe_views import Action, doing

__all__ = ["browser"]

pytestmark = pytest.mark.urls("tests.urls")

STATES = ("healthy", "degraded", "unhealthy")


def page(context: dict[str, Any]) -> Action:
    status = 503 if context["status"] == "unhealthy" else 200
    return lambda request: sealed(render(request, "designs/status.html", context, status=status))


def html(context: dict[str, Any]) -> str:
    request = RequestFactory().get("/")
    return str(page(context)(request).content.decode())


class TestInABrowser:
    @pytest.mark.parametrize("state", STATES)
    def test_each_state_is_readable_everywhere(
        self, browser: Browser, live_server: LiveServer, tmp_path: Path, state: str
    ) -> None:
        with doing(page(status_context(state, is_admin=state == "degraded"))):
            looks = browser.tour(f"{live_server.url}/probe/plain/")

        keep(looks, tmp_path, state)
        assert flaws(looks) == {}
        for look in looks.values():
            assert look.title == f"{state.capitalize()} · enginel"
            assert state in look.text

    def test_with_redis_away_the_history_is_unknown(
        self, browser: Browser, live_server: LiveServer, tmp_path: Path
    ) -> None:
        with doing(page(status_context("unhealthy", is_history_known=False))):
            looks = browser.tour(f"{live_server.url}/probe/plain/")

        keep(looks, tmp_path, "away")
        assert flaws(looks) == {}
        for look in looks.values():
            assert "The history is unknown" in look.text
            assert "no change seen" not in look.text

    def test_hostile_names_are_shown_and_do_nothing(
        self, browser: Browser, live_server: LiveServer, tmp_path: Path
    ) -> None:
        context = status_context("unhealthy", is_admin=True)
        for component, name in zip(context["components"], HOSTILE, strict=False):
            component |= {"name": name, "message": name, "detail": name, "status": name}
        with doing(page(context)):
            looks = browser.tour(f"{live_server.url}/probe/plain/")

        keep(looks, tmp_path, "hostile")
        assert flaws(looks) == {}
        for look in looks.values():
            assert look.title == "Unhealthy · enginel"
            assert HOSTILE[0] in look.text
            assert HOSTILE[4] in look.text

    def test_without_its_style_sheet_it_still_tells(self, browser: Browser, live_server: LiveServer) -> None:
        with doing(page(status_context("unhealthy"))):
            look = browser.look(f"{live_server.url}/probe/plain/", DESKTOP, styles=False)

        assert look.flaws() == []
        assert "Not working: Database" in look.text
        assert "does not answer within 2 s" in look.text

    def test_it_renews_itself_without_javascript(self, browser: Browser, live_server: LiveServer) -> None:
        states = iter(("healthy", "degraded"))

        def act(request: HttpRequest) -> HttpResponse:
            return page(status_context(next(states, "degraded"), refresh_seconds=1))(request)  # type: ignore[no-any-return]

        with doing(act):
            look = browser.look(
                f"{live_server.url}/probe/plain/",
                PHONE,
                scripts=False,
                until=lambda shown: shown.wait_for_selector("h1:has-text('warnings')", timeout=30_000),
            )

        assert "Works, with warnings: Celery, Storage" in look.text


class TestContent:
    def test_nothing_in_it_runs_or_comes_from_elsewhere(self) -> None:
        text = html(status_context("degraded", is_admin=True))

        assert "<script" not in text
        assert "style=" not in text
        assert "://" not in text.replace("http://www.w3.org", "")

    def test_links_for_admins_are_for_admins(self) -> None:
        assert "/admin/monitoring/" in html(status_context("healthy", is_admin=True))
        assert "/admin/" not in html(status_context("healthy"))

    def test_each_state_has_its_shape(self) -> None:
        shapes = {state: html(status_context(state)).count(f'class="icon is-{state}"') for state in STATES}

        assert shapes == {"healthy": 8, "degraded": 3, "unhealthy": 2}

    def test_an_empty_page_is_a_page(self) -> None:
        context = {"service": "enginel", "status": "", "checked_at": None, "components": []}

        assert "Nothing is known yet" in html({**context, "refresh_seconds": 10, "is_admin": False})
