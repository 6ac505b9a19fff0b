"""Every way a request can fail, sync and async: one occurrence; none for a client's mistake or a server's stop."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpResponse
from django.test import AsyncClient, Client
from rest_framework import exceptions as drf
from rest_framework.response import Response

from designs.exceptions import CorruptedFile, ExternalServiceError
from designs.monitoring import ErrorTracker
from designs.monitoring.errors import recorder
from tests.support.probe_views import Action, doing, raising
from tests.support.serving import KINDS, get_as

pytestmark = pytest.mark.urls("tests.urls")

DRF, PLAIN, ASYNC = "/api/probe/drf/", "/api/probe/plain/", "/api/probe/async/"


@pytest.fixture(params=KINDS)
def get(request: pytest.FixtureRequest) -> Any:
    return get_as(request, raise_request_exception=False)


def the_only_record() -> dict[str, Any]:
    (record,) = ErrorTracker.get_recent_errors(100)
    assert recorder.error_store.totals()["occurrences"] == 1
    return record


@pytest.mark.parametrize(
    ("path", "action", "status", "kind"),
    [
        (DRF, raising(drf.APIException("x")), 500, "APIException"),
        (DRF, raising(ExternalServiceError()), 503, "ExternalServiceError"),
        (DRF, raising(CorruptedFile()), 400, "CorruptedFile"),
        (DRF, raising(KeyError("x")), 500, "KeyError"),
        (DRF, lambda request: Response({"x": object()}), 500, "TypeError"),
        (DRF, lambda request: Response({}, status=500), 500, "message"),
        (PLAIN, raising(KeyError("x")), 500, "KeyError"),
        (ASYNC, raising(KeyError("x")), 500, "KeyError"),
        (PLAIN, lambda request: HttpResponse(status=500), 500, "message"),
        (ASYNC, lambda request: HttpResponse(status=500), 500, "message"),
        ("/api/probe/template/", None, 500, "RuntimeError"),
        ("/api/probe/nothing/", None, 500, "ValueError"),
    ],
)
def test_a_failure_is_one_occurrence(get: Any, path: str, action: Action | None, status: int, kind: str) -> None:
    with doing(action or (lambda request: None)):
        response = get(path)

    record = the_only_record()
    assert response.status_code == status
    assert (record["error_type"], record["source"], record["request_path"]) == (kind, "http", path)
    assert (record["request_id"], record["context"]["status"]) == (response["X-Request-ID"], status)
    if kind != "message":
        assert response.json()["error_id"] == record["event_id"]


@pytest.mark.parametrize("broken", ["FailingMiddleware", "FailingProcessViewMiddleware"])
def test_a_middleware_that_raises_is_one_occurrence(get: Any, settings: Any, broken: str) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"tests.support.probe_views.{broken}"]

    response = get(PLAIN)

    record = the_only_record()
    assert (response.status_code, record["error_type"], record["source"]) == (500, "LookupError", "http")
    assert record["request_path"] == PLAIN


@pytest.mark.parametrize(
    ("path", "action", "status"),
    [
        (DRF, raising(drf.ValidationError("x")), 400),
        (DRF, raising(drf.NotFound()), 404),
        (DRF, raising(Http404("x")), 404),
        (DRF, raising(PermissionDenied("x")), 403),
        (DRF, raising(SuspiciousOperation("x")), 400),
        (PLAIN, raising(Http404("x")), 404),
        (PLAIN, raising(PermissionDenied("x")), 403),
        (PLAIN, raising(BadRequest("x")), 400),
        (PLAIN, raising(SuspiciousOperation("x")), 400),
        (ASYNC, raising(Http404("x")), 404),
        (PLAIN, lambda request: HttpResponse(status=418), 418),
        ("/api/no/such/path/", None, 404),
        ("/api/probe/throttled/", None, 429),
        ("/api/probe/closed/", None, 401),
    ],
)
def test_a_clients_mistake_is_none(get: Any, path: str, action: Action | None, status: int) -> None:
    with doing(action or (lambda request: None)):
        assert get(path).status_code == status

    assert ErrorTracker.get_recent_errors() == []


@pytest.mark.parametrize(
    ("path", "headers", "logger"),
    [
        (DRF, {}, "django.security.SuspiciousOperation"),
        (PLAIN, {}, "django.security.SuspiciousOperation"),
        (PLAIN, {"host": "evil.example"}, "django.security.DisallowedHost"),
    ],
)
def test_nobody_anonymous_pushes_errors_out_but_each_try_is_a_log_line(
    get: Any, caplog: pytest.LogCaptureFixture, path: str, headers: dict[str, str], logger: str
) -> None:
    with doing(raising(SuspiciousOperation("x"))), caplog.at_level(logging.INFO):
        response = get(path, headers=headers)

    assert response.status_code == 400
    assert [record.levelname for record in caplog.records if record.name == logger] == ["ERROR"]
    assert ErrorTracker.get_recent_errors() == []


@pytest.mark.parametrize("stop", [SystemExit, KeyboardInterrupt])
def test_the_end_of_the_process_is_none_and_goes_on(stop: type[BaseException]) -> None:
    with doing(raising(stop())), pytest.raises(stop):
        Client(raise_request_exception=False).get(PLAIN)

    assert ErrorTracker.get_recent_errors() == []


def test_a_request_whose_client_has_gone_is_none_and_ends() -> None:
    async def get() -> None:
        with pytest.raises(asyncio.CancelledError):
            await AsyncClient(raise_request_exception=False).get(ASYNC)

    with doing(raising(asyncio.CancelledError())):
        async_to_sync(get)()

    assert ErrorTracker.get_recent_errors() == []


class TestStreams:
    """After the headers are out, Django looks no more."""

    def read_async(self, path: str) -> None:
        async def read() -> None:
            async for _ in await AsyncClient().get(path):
                pass

        async_to_sync(read)()

    def test_a_sync_body_that_breaks_is_one_occurrence(self) -> None:
        with doing(raising(KeyError("x"))), pytest.raises(KeyError):
            list(Client().get("/probe/stream/"))

        record = the_only_record()
        assert (record["error_type"], record["source"]) == ("KeyError", "http")
        assert record["context"] == {"status": 200, "streaming": True}

    def test_an_async_body_that_breaks_is_one_occurrence(self) -> None:
        with doing(raising(KeyError("x"))), pytest.raises(KeyError):
            self.read_async("/probe/stream-async/")

        assert the_only_record()["request_path"] == "/probe/stream-async/"

    @pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume:Warning")
    def test_a_sync_body_under_asgi_is_one_occurrence(self) -> None:
        with doing(raising(KeyError("x"))), pytest.raises(KeyError):
            self.read_async("/probe/stream/")

        assert the_only_record()["context"] == {"status": 200, "streaming": True}

    @pytest.mark.django_db
    def test_a_body_whose_reader_has_gone_is_none(self) -> None:
        with doing(raising(asyncio.CancelledError())), pytest.raises(asyncio.CancelledError):
            self.read_async("/probe/stream-async/")
        response = Client().get("/probe/stream/")
        next(iter(response))
        response.close()

        assert ErrorTracker.get_recent_errors() == []
