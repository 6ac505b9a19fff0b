"""The one place that writes error JSON: same shape for every failure below /api/, HTML elsewhere."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import connection
from django.http import Http404
from django.test import Client
from rest_framework import exceptions as drf

from designs.exceptions import EnginelBaseException, ExternalServiceError, ITARViolation
from designs.monitoring import ErrorTracker
from tests.support import probe_views
from tests.support.probe_views import doing, raising

pytestmark = pytest.mark.urls("tests.urls")


@pytest.fixture
def browser() -> Client:
    """A client that gets the response a browser gets."""
    return Client(raise_request_exception=False)


class Missing(Http404):
    """A missing thing of a library."""


def records() -> list[dict[str, Any]]:
    return ErrorTracker.get_recent_errors(100)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (drf.ParseError(), 400, "parse_error"),
        (drf.ValidationError("odd"), 400, "invalid"),
        (drf.NotAuthenticated(), 403, "not_authenticated"),
        (drf.AuthenticationFailed(), 403, "authentication_failed"),
        (drf.PermissionDenied(), 403, "permission_denied"),
        (drf.NotFound(), 404, "not_found"),
        (drf.MethodNotAllowed("GET"), 405, "method_not_allowed"),
        (drf.NotAcceptable(), 406, "not_acceptable"),
        (drf.UnsupportedMediaType("x/y"), 415, "unsupported_media_type"),
        (drf.Throttled(wait=3), 429, "throttled"),
        (Http404("no such thing"), 404, "not_found"),
        (Missing(), 404, "not_found"),
        (PermissionDenied(), 403, "permission_denied"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_a_clients_mistake_is_answered_and_not_recorded(
    browser: Client, error: Exception, status: int, code: str, settings: Any
) -> None:
    with doing(raising(error)):
        response = browser.get("/api/probe/drf/")

    # Without credentials DRF answers 401 only where a scheme can be named; these views have one.
    assert response.status_code == (401 if code in {"not_authenticated", "authentication_failed"} else status)
    body = response.json()
    assert set(body) == {"detail", "code", "error_id"}
    assert (body["code"], body["error_id"]) == (code, None)
    assert body["detail"]
    assert records() == []


def test_a_throttled_client_is_told_when_to_come_back(browser: Client) -> None:
    response = browser.get("/api/probe/throttled/")

    assert (response.status_code, response["Retry-After"]) == (429, "7")
    assert response.json()["code"] == "throttled"
    assert records() == []


def test_a_wrong_method_names_the_right_ones(browser: Client) -> None:
    response = browser.post("/api/probe/drf/")

    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD, OPTIONS")
    assert response.json()["code"] == "method_not_allowed"


def test_validation_tells_the_fields_in_detail(browser: Client) -> None:
    response = browser.post("/api/probe/form/", {"number": "x"}, content_type="application/json")

    assert response.status_code == 400
    assert response.json()["detail"] == {"number": ["A valid integer is required."]}
    assert response.json()["code"] == "invalid"
    assert records() == []


def test_unreadable_json_is_a_clients_mistake(browser: Client) -> None:
    response = browser.post("/api/probe/form/", "{", content_type="application/json")

    assert (response.status_code, response.json()["code"]) == (400, "parse_error")
    assert records() == []


@pytest.mark.parametrize("path", ["/api/probe/drf/", "/api/probe/plain/", "/api/probe/async/"])
def test_an_unknown_failure_says_nothing_of_its_insides(browser: Client, path: str) -> None:
    with doing(raising(RuntimeError("secret insides of /srv/app"))):
        response = browser.get(path)

    (record,) = records()
    assert response.status_code == 500
    assert response["Content-Type"] == "application/json"
    assert response.json() == {
        "detail": "The service failed to handle this request. It has been recorded.",
        "code": "error",
        "error_id": record["event_id"],
    }
    assert b"insides" not in response.content


def test_a_5xx_of_drf_says_nothing_of_its_insides(browser: Client) -> None:
    with doing(raising(drf.APIException("secret insides"))):
        response = browser.get("/api/probe/drf/")

    assert response.status_code == 500
    assert b"insides" not in response.content
    assert response.json()["error_id"] == records()[0]["event_id"]


def test_our_own_5xx_speak_for_themselves(browser: Client) -> None:
    with doing(raising(ExternalServiceError("The storage is away."))):
        response = browser.get("/api/probe/drf/")

    assert (response.status_code, response.json()["detail"]) == (503, "The storage is away.")


def test_a_failure_told_again_keeps_the_id_of_its_one_record(browser: Client) -> None:
    error = EnginelBaseException("failed before")
    error.already_recorded, error.error_id = True, "the-first-id"  # type: ignore[attr-defined]
    with doing(raising(error)):
        response = browser.get("/api/probe/drf/")

    assert response.json()["error_id"] == "the-first-id"
    assert records() == []


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Http404("x"), 404, "not_found"),
        (PermissionDenied("x"), 403, "permission_denied"),
        (SuspiciousOperation("x"), 400, "bad_request"),
    ],
)
@pytest.mark.parametrize("kind", ["plain", "async"])
def test_what_django_answers_by_itself_is_json_below_api(
    browser: Client, kind: str, error: Exception, status: int, code: str
) -> None:
    with doing(raising(error)):
        response = browser.get(f"/api/probe/{kind}/")

    assert response.status_code == status
    assert (response.json()["code"], response.json()["error_id"]) == (code, None)
    assert records() == []


def test_a_suspicious_request_to_drf_is_json_too(browser: Client) -> None:
    with doing(raising(SuspiciousOperation("x"))):
        response = browser.get("/api/probe/drf/")

    assert (response.status_code, response.json()["code"]) == (400, "bad_request")


@pytest.mark.parametrize("path", ["/api/no/such/", "/api/", "/api/designs/not-a-uuid/"])
def test_an_unknown_path_below_api_is_json(browser: Client, path: str) -> None:
    response = browser.get(path)

    assert response.status_code == 404
    assert response.json() == {"detail": "Not found.", "code": "not_found", "error_id": None}


def test_a_foreign_host_is_json_below_api(browser: Client) -> None:
    response = browser.get("/api/health/", headers={"host": "evil.example"})

    assert (response.status_code, response.json()["code"]) == (400, "bad_request")


def test_a_missing_csrf_token_is_json_below_api() -> None:
    response = Client(enforce_csrf_checks=True).post("/api/probe/plain/")

    assert (response.status_code, response.json()["code"]) == (403, "permission_denied")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (RuntimeError("insides"), 500),
        (Http404("x"), 404),
        (PermissionDenied("x"), 403),
        (SuspiciousOperation("x"), 400),
    ],
)
def test_elsewhere_errors_are_html(browser: Client, error: Exception, status: int) -> None:
    with doing(raising(error)):
        response = browser.get("/probe/plain/")

    assert response.status_code == status
    assert response["Content-Type"].startswith("text/html")
    assert b"insides" not in response.content


def test_elsewhere_a_missing_csrf_token_is_html() -> None:
    response = Client(enforce_csrf_checks=True).post("/probe/plain/")

    assert response.status_code == 403
    assert response["Content-Type"].startswith("text/html")


@pytest.mark.django_db
def test_a_handled_failure_rolls_the_transaction_back(browser: Client, settings: Any) -> None:
    from designs.models import User

    connection.settings_dict["ATOMIC_REQUESTS"] = True
    try:

        def act(request: Any) -> None:
            User.objects.create(username="half done")
            raise ITARViolation

        with doing(act):
            assert browser.get("/api/probe/drf/").status_code == 403
    finally:
        connection.settings_dict["ATOMIC_REQUESTS"] = False

    assert not User.objects.filter(username="half done").exists()
    assert len(records()) == 1


def test_a_record_names_the_view_and_status() -> None:
    with doing(raising(ITARViolation())):
        Client().get("/api/probe/drf/")

    assert records()[0]["context"] == {"status": 403, "view": probe_views.DRFView.__name__}
