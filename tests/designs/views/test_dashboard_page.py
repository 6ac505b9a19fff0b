"""The dashboard of the admin as a browser shows it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client, override_settings
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from designs.models import User
from designs.monitoring import ErrorTracker, HealthChecker
from designs.monitoring.health import checker
from designs.views import dashboard_page
from tests.support.browser import Browser, browser, flaws, keep
from tests.support.outage import REFUSED_URL
from tests.support.page_samples import HOSTILE, away, busy, empty, hostile

__all__ = ["browser"]

pytestmark = pytest.mark.django_db

PAGE = "/admin/monitoring/"


@pytest.fixture
def shows(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], None]:
    """Feed the page."""
    return lambda found: monkeypatch.setattr(dashboard_page, "collect_overview", lambda: found)


class TestInABrowser:
    @pytest.mark.parametrize("food", [busy, empty, hostile, away])
    def test_it_is_readable_everywhere(
        self,
        browser: Browser,
        live_server: LiveServer,
        admin_client: Client,
        shows: Callable[[dict[str, Any]], None],
        tmp_path: Path,
        food: Callable[[], dict[str, Any]],
    ) -> None:
        shows(food())
        session = admin_client.cookies[settings.SESSION_COOKIE_NAME].value

        looks = browser.tour(live_server.url + PAGE, cookies={settings.SESSION_COOKIE_NAME: session})

        keep(looks, tmp_path, food.__name__)
        assert flaws(looks) == {}
        for look in looks.values():
            assert look.status == 200
            assert look.title == "Monitoring · enginel"
            assert "default-src 'none'" in look.headers["content-security-policy"]
            assert (HOSTILE[0] in look.text) == (food is hostile)


class TestAccess:
    def test_nobody_is_sent_to_the_login(self, client: Client) -> None:
        answer = client.get(PAGE)

        assert answer.status_code == 302
        assert answer["Location"] == f"/admin/login/?next={PAGE}"

    @pytest.mark.parametrize(("facts", "status"), [({}, 302), ({"is_staff": True}, 200)])
    def test_it_is_for_staff(self, client: Client, facts: dict[str, Any], status: int) -> None:
        client.force_login(User.objects.create_user("somebody", **facts))

        assert client.get(PAGE).status_code == status

    def test_it_only_shows(self, admin_client: Client) -> None:
        assert admin_client.head(PAGE).status_code == 200
        assert admin_client.post(PAGE).status_code == 405

    def test_the_admin_leads_to_it(self, admin_client: Client) -> None:
        assert f'href="{PAGE}"' in admin_client.get("/admin/").content.decode()


class TestContent:
    def test_browsers_may_only_show_it_and_must_not_keep_it(self, admin_client: Client) -> None:
        answer = admin_client.get(PAGE)

        assert answer["Content-Security-Policy"].startswith(
            "default-src 'none'; style-src 'self'; img-src 'self' data:"
        )
        assert "no-store" in answer["Cache-Control"]
        assert "<script" not in answer.content.decode()
        assert "style=" not in answer.content.decode()

    def test_it_renews_itself_unless_told_not_to(self, admin_client: Client) -> None:
        assert b'http-equiv="refresh"' in admin_client.get(PAGE).content
        assert b'http-equiv="refresh"' not in admin_client.get(PAGE, {"refresh": "off"}).content

    def test_groups_link_to_all_that_is_known_of_them(self, admin_client: Client) -> None:
        record = ErrorTracker.log_error(ValueError("no such part"))

        shown = admin_client.get(PAGE).content.decode()

        link = f"/api/monitoring/groups/{record['fingerprint']}/"
        assert f'<a href="{link}">ValueError</a>' in shown
        assert admin_client.get(link).json()["type"] == "ValueError"

    def test_secrets_of_errors_are_not_in_it(self, admin_client: Client) -> None:
        ErrorTracker.log_error(ValueError("password=hunter2-sesame"), context={"token": "hunter2-sesame"})

        assert "hunter2" not in admin_client.get(PAGE).content.decode()

    def test_with_redis_away_it_says_unknown_and_since_when_and_no_zero(self, admin_client: Client) -> None:
        with override_settings(REDIS_URL=REFUSED_URL, CELERY_TASK_ALWAYS_EAGER=False):
            shown = admin_client.get(PAGE)
            checker.runner.wait(10)

        text = shown.content.decode()
        assert shown.status_code == 200
        assert re.search(r"Redis does not answer since <time ", text)
        facts = dict(re.findall(r"<dt>([^<]+)</dt><dd[^>]*>\s*([^<]*?)\s*</dd>", text))
        names = ("Requests", "Requests failed", "Slowest p95", "Errors in 24 h")
        assert {facts[name] for name in names} == {"unknown"}
        assert "yet" not in text
        assert "No errors" not in text

    def test_it_shows_what_was_checked_now_and_its_age(self, admin_client: Client) -> None:
        text = admin_client.get(PAGE).content.decode()

        assert "No check has run yet" not in text
        assert text.count("checked just now") == len(HealthChecker.components())

    def test_the_day_is_the_sum_of_the_groups(self) -> None:
        page = dashboard_page._page(busy(), timezone.now())

        assert len(page["error_day"]) == 96
        assert page["error_day_total"] == sum(sum(group["columns"]) for group in page["errors"])

    def test_minutes_fall_into_their_columns(self) -> None:
        now = datetime(2026, 5, 4, 12, 0, 30, tzinfo=UTC)
        minutes = [
            ["2026-05-03T12:00:00Z", 1],  # begun before the day did
            ["2026-05-03T12:01:00Z", 2],
            ["2026-05-04T11:45:00Z", 4],
            ["2026-05-04T12:00:00Z", 8],
            ["2026-05-01T12:00:00Z", 16],  # of another day
            ["2026-05-04T12:01:00Z", 32],  # to come, by a clock that runs ahead
        ]

        columns = dashboard_page._columns(minutes, now, 96)

        assert (columns[0], columns[-2], columns[-1], sum(columns)) == (3, 4, 8, 15)
