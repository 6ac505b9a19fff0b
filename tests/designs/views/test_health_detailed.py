"""The detailed answer names what is wrong, and no more."""

from __future__ import annotations

import pytest
from django.test import Client, override_settings

from designs.cad import KernelStatus
from designs.views import health
from tests.outage import REFUSED_URL

URL = "/api/health/detailed/"

pytestmark = pytest.mark.django_db


def test_all_is_healthy(client: Client) -> None:
    response = client.get(URL)

    assert response.status_code == 200
    body = response.json()
    assert body["status"] == "healthy"
    assert set(body["checks"]) == {"database", "redis", "kernel"}
    assert body["checks"]["database"] == {"status": "healthy", "message": "answers"}


def test_without_the_kernel_it_is_degraded_and_says_so(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "kernel_status", lambda: KernelStatus(installed=False, version=None, message=""))

    response = client.get(URL)

    assert (response.status_code, response.json()["status"]) == (200, "degraded")
    assert response.json()["checks"]["kernel"] == {
        "status": "degraded",
        "message": "not installed: geometry cannot be extracted",
    }


def test_with_redis_away_it_is_503_and_names_no_address(client: Client) -> None:
    with override_settings(REDIS_URL=REFUSED_URL):
        response = client.get(URL)

    assert (response.status_code, response.json()["status"]) == (503, "unhealthy")
    assert response.json()["checks"]["redis"] == {"status": "unhealthy", "message": "does not answer"}
    assert "127.0.0.1" not in response.content.decode()


def test_other_methods_are_refused_with_the_error_body(client: Client) -> None:
    response = client.post(URL)

    assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")
