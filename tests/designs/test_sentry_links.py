"""Records and groups link to their issue in Sentry, where somebody said where that is."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth import get_user_model
from django.test import Client, override_settings

from designs.monitoring import ErrorTracker

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
    assert parse_qs(urlsplit(row["sentry_url"]).query) == {"query": [f'tags[fingerprint]:"{key}"']}


@pytest.mark.parametrize("path", ["errors", "groups"])
def test_without_one_there_is_no_link(admin: Client, path: str) -> None:
    ErrorTracker.log_error("broken")

    (row,) = admin.get(f"/api/monitoring/{path}/").json()[path]
    assert "sentry_url" not in row
