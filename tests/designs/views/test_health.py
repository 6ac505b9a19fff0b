"""Liveness touches nothing."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client, override_settings

from designs.monitoring import ErrorTracker
from tests.support.outage import REFUSED_URL

URL = "/api/health/"


def test_it_says_ok(client: Client) -> None:
    response = client.get(URL)

    assert (response.status_code, response.json()) == (200, {"status": "ok", "service": "enginel"})


def test_its_service_is_a_setting(client: Client) -> None:
    with override_settings(ENGINEL_SERVICE="enginel-eu"):
        assert client.get(URL).json()["service"] == "enginel-eu"


def test_it_asks_no_database(client: Client, django_assert_num_queries: Any, db: None) -> None:
    with django_assert_num_queries(0):
        assert client.get(URL, headers={"authorization": "Bearer x", "cookie": "sessionid=x"}).status_code == 200


@override_settings(REDIS_URL=REFUSED_URL)
def test_it_works_with_everything_away(client: Client) -> None:
    # A test without the database fixture fails when it asks the database.
    assert client.get(URL).status_code == 200


def test_head_is_answered_without_a_body(client: Client) -> None:
    response = client.head(URL)

    assert (response.status_code, response.content) == (200, b"")


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "options"])
def test_other_methods_are_refused_as_json(method: str) -> None:
    response = getattr(Client(enforce_csrf_checks=True), method)(URL)

    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD")
    assert response.json()["code"] == "method_not_allowed"
    assert ErrorTracker.get_recent_errors() == []


def test_it_sets_no_cookie(client: Client) -> None:
    assert not client.get(URL).cookies
