"""Probes and scrapes while the database is away and requests run in transactions."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import OperationalError, connections
from django.test import Client, override_settings

JAVA = "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"


@pytest.fixture
def atomic_requests_without_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every attempt to connect fails, as with a server that is away."""
    for connection in connections.all():
        monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
        monkeypatch.setattr(connection, "connect", _refuse)
        monkeypatch.setattr(connection, "ensure_connection", _refuse)


def _refuse(*args: object) -> None:
    raise OperationalError("the database is away")


@pytest.mark.usefixtures("atomic_requests_without_a_database")
@pytest.mark.usefixtures("allow_swallowed")  # the used storage stays unknown
@override_settings(ENGINEL_METRICS_ALLOWED_IPS=["127.0.0.1"])
@pytest.mark.parametrize("headers", [{}, {"cookie": "sessionid=abc; csrftoken=x"}, {"accept": JAVA}])
@pytest.mark.parametrize("path", ["/api/health/", "/metrics"])
def test_liveness_and_metrics_answer(path: str, headers: dict[str, str]) -> None:
    answer = Client(raise_request_exception=False).get(path, headers=headers)

    assert answer.status_code == 200


@pytest.mark.usefixtures("atomic_requests_without_a_database")
@pytest.mark.parametrize("path", ["/api/health/ready/", "/api/health/detailed/"])
def test_readiness_says_what_it_found(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # The check has a thread and so a connection of its own.
    monkeypatch.setattr("integrations.health.database.Database._check", _refuse)

    answer = Client(raise_request_exception=False).get(path, headers={"accept": "application/json"})

    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body["checks"]["database"]["status"]) == (503, "unhealthy")
