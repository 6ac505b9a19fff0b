"""Records and groups link to their issue in Sentry, where somebody said where that is."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
import sentry_sdk
from django.contrib.auth import get_user_model
from django.test import Client, override_settings

from designs.monitoring import ErrorTracker
from designs.monitoring.sentry.sdk_start import start_sentry
from tests.support.bugsink import SentryProject, bugsink, sentry_project

__all__ = ["bugsink", "sentry_project"]

BASE = "https://sentry.example.com/organizations/acme/issues/"


@pytest.fixture
def admin(db: None) -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("admin"))
    return client


@pytest.mark.parametrize("path", ["errors", "groups"])
def test_with_an_address_each_links_to_a_search_for_its_issue(admin: Client, path: str) -> None:
    key = ErrorTracker.log_error("broken")["fingerprint"]
    with override_settings(ENGINEL_SENTRY_ISSUE_URL=BASE):
        (row,) = admin.get(f"/api/monitoring/{path}/").json()[path]

    assert row["sentry_url"].startswith(BASE)
    assert parse_qs(urlsplit(row["sentry_url"]).query) == {
        "query": [f'tags[fingerprint]:"{key}"'],
        "q": [f'fingerprint:"{key}"'],
    }


@pytest.mark.parametrize("path", ["errors", "groups"])
def test_without_one_there_is_no_link(admin: Client, path: str) -> None:
    ErrorTracker.log_error("broken")

    (row,) = admin.get(f"/api/monitoring/{path}/").json()[path]
    assert "sentry_url" not in row


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_in_bugsink_the_link_lists_that_issue_alone_resolved_or_not(
    admin: Client, sentry_project: SentryProject
) -> None:
    with override_settings(
        SENTRY_DSN=sentry_project.dsn,
        ENGINEL_SENTRY_ISSUE_URL=sentry_project.server.issues_url_of(sentry_project.ident),
    ):
        assert start_sentry()
        try:
            for error in (ValueError("the wanted one"), KeyError("the other one")):
                ErrorTracker.log_error(error)
            sentry_project.wait_for_events(2)
            rows = admin.get("/api/monitoring/errors/").json()["errors"]
        finally:
            sentry_sdk.get_client().close(timeout=0)
            sentry_sdk.get_global_scope().set_client(None)
    link = next(row["sentry_url"] for row in rows if row["error_type"] == "ValueError")

    open_issue = sentry_project.page(link)
    sentry_project.resolve(next(one for one in sentry_project.issues() if one["calculated_type"] == "ValueError"))
    resolved = sentry_project.page(link)

    for page in (open_issue, resolved):
        assert ("the wanted one" in page, "the other one" in page) == (True, False)
