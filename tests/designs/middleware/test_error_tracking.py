"""Whatever fails in a request is one occurrence, and the request has one id everywhere."""

from __future__ import annotations

import json
import logging
from functools import wraps
from typing import Any

import pytest
from asgiref.sync import async_to_sync, iscoroutinefunction
from django.conf import settings
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client, override_settings
from django.utils.decorators import sync_and_async_middleware
from knox.models import AuthToken
from rest_framework.exceptions import APIException
from rest_framework.response import Response

from designs import context
from designs.exceptions import GeometryProcessingError, ITARViolation
from designs.logs import JSONFormatter
from designs.middleware import MetricsMiddleware
from designs.middleware.stack import within
from designs.models import User
from designs.monitoring import ErrorTracker
from designs.monitoring.errors import recorder
from tests.support.outage import REFUSED_URL
from tests.support.probe_views import doing, raising
from tests.support.serving import KINDS, get_as

pytestmark = pytest.mark.urls("tests.urls")

ID = "0123456789abcdef"


@pytest.fixture(params=KINDS)
def get(request: pytest.FixtureRequest) -> Any:
    return get_as(request, raise_request_exception=False)


def records() -> list[dict[str, Any]]:
    return ErrorTracker.get_recent_errors(100)


VIEWS = ["/api/probe/drf/", "/api/probe/plain/", "/api/probe/async/", "/probe/plain/"]


class TestOnce:
    @pytest.mark.parametrize("path", VIEWS)
    def test_an_unhandled_exception(self, get: Any, path: str) -> None:
        with doing(raising(RuntimeError("broken"))):
            response = get(path)

        (record,) = records()
        assert response.status_code == 500
        assert (record["error_type"], record["source"], record["severity"]) == ("RuntimeError", "http", "ERROR")
        assert (record["request_path"], record["request_id"]) == (path, response["X-Request-ID"])
        assert "raise error" in record["traceback"]
        assert recorder.error_store.totals()["occurrences"] == 1

    @pytest.mark.parametrize("kind", [GeometryProcessingError, APIException])
    def test_an_exception_drf_handles(self, get: Any, kind: type[Exception]) -> None:
        with doing(raising(kind("x"))):
            get("/api/probe/drf/")

        assert len(records()) == recorder.error_store.totals()["occurrences"] == 1

    def test_our_exception_in_a_plain_view_keeps_its_severity(self, get: Any) -> None:
        with doing(raising(ITARViolation())):
            get("/api/probe/plain/")

        assert [record["severity"] for record in records()] == ["CRITICAL"]

    @pytest.mark.parametrize("path", VIEWS)
    def test_a_view_that_logs_and_raises_again(self, get: Any, path: str) -> None:
        def act(request: Any) -> None:
            try:
                raise RuntimeError("broken")
            except RuntimeError as error:
                ErrorTracker.log_error(error, {"design": 5})
                raise

        with doing(act):
            get(path)

        (record,) = records()
        assert record["context"] == {"design": 5, "status": 500, "method": "GET"}
        assert recorder.error_store.totals()["occurrences"] == 1

    def test_a_view_that_logs_and_raises_another_from_it(self, get: Any) -> None:
        def act(request: Any) -> None:
            try:
                raise RuntimeError("broken")
            except RuntimeError as error:
                ErrorTracker.log_error(error, {"design": 5})
                raise GeometryProcessingError("told") from error

        with doing(act):
            response = get("/api/probe/drf/")

        (record,) = records()
        assert record["context"] == {"design": 5, "status": 422, "view": "DRFView"}
        assert response.json()["error_id"] == record["event_id"]

    @pytest.mark.parametrize("position", [1, 5, -1])
    def test_a_middleware_that_breaks(self, get: Any, position: int, settings: Any) -> None:
        stack = list(settings.MIDDLEWARE)
        stack.insert(position if position > 0 else len(stack), "tests.support.probe_views.FailingMiddleware")
        with override_settings(MIDDLEWARE=stack):
            response = get("/api/probe/plain/")

        (record,) = records()
        assert response.status_code == 500
        assert (record["error_type"], record["error_message"]) == ("LookupError", "middleware broke")
        assert response.json()["error_id"] == record["event_id"]

    def test_a_5xx_that_a_view_returns(self, get: Any) -> None:
        with doing(lambda request: HttpResponse("no", status=502)):
            get("/api/probe/plain/")

        (record,) = records()
        assert record["error_message"] == "GET api/probe/plain/ answered 502 without an exception"
        assert record["context"] == {"status": 502, "reason": "Bad Gateway", "route": "api/probe/plain/"}

    def test_a_response_that_cannot_be_rendered(self, get: Any) -> None:
        with doing(lambda request: Response({"x": object()})):
            response = get("/api/probe/drf/")

        assert response.status_code == 500
        assert [record["error_type"] for record in records()] == ["TypeError"]

    def test_a_stream_that_breaks_off(self) -> None:
        with doing(raising(RuntimeError("broken"))):
            response = Client().get("/probe/stream/")
            with pytest.raises(RuntimeError):
                list(response)

        (record,) = records()
        assert response.status_code == 200
        assert (record["error_type"], record["request_path"]) == ("RuntimeError", "/probe/stream/")
        assert record["context"] == {"status": 200, "streaming": True}

    def test_a_stream_that_breaks_off_under_asgi(self) -> None:
        async def read() -> None:
            response = await AsyncClient().get("/probe/stream-async/")
            async for _ in response:
                pass

        with doing(raising(RuntimeError("broken"))), pytest.raises(RuntimeError):
            async_to_sync(read)()

        assert len(records()) == 1

    def test_a_sound_stream_is_passed_on_whole(self) -> None:
        assert b"".join(Client().get("/probe/stream/")) == b"begun ended"
        assert records() == []

    def test_one_exception_object_raised_by_each_of_three_requests_is_three(self, get: Any) -> None:
        with doing(raising(RuntimeError("kept at module level"))):
            for _ in range(3):
                get("/api/probe/plain/")

        assert len(records()) == recorder.error_store.totals()["occurrences"] == 3

    def test_one_request_after_another(self, get: Any) -> None:
        for _ in range(3):
            with doing(raising(RuntimeError("broken"))):
                get("/api/probe/plain/")

        assert [record["occurrences"] for record in records()] == [3, 3, 3]
        assert len({record["request_id"] for record in records()}) == 3


def test_a_sound_request_costs_redis_nothing(get: Any) -> None:
    with override_settings(REDIS_URL=REFUSED_URL):
        assert get("/api/probe/drf/").status_code == 200

    assert records() == []


class TestUser:
    @pytest.mark.django_db
    @pytest.mark.parametrize("kind", [RuntimeError, GeometryProcessingError])
    def test_a_token_tells_whom_it_happened_to(self, kind: type[Exception], admin_user: User) -> None:
        _, token = AuthToken.objects.create(user=admin_user)
        with doing(raising(kind())):
            Client(raise_request_exception=False).get(
                "/api/probe/closed/", headers={"authorization": f"Bearer {token}"}
            )

        assert records()[0]["user_id"] == admin_user.pk

    @pytest.mark.parametrize("kind", [RuntimeError, GeometryProcessingError])
    def test_a_session_tells_whom_it_happened_to(
        self, kind: type[Exception], admin_client: Client, admin_user: User
    ) -> None:
        admin_client.raise_request_exception = False
        with doing(raising(kind())):
            admin_client.get("/api/probe/closed/")

        assert records()[0]["user_id"] == admin_user.pk

    def test_nobody_is_asked_for_in_the_database(self, admin_client: Client, django_assert_num_queries: Any) -> None:
        admin_client.raise_request_exception = False
        with doing(raising(RuntimeError("x"))), django_assert_num_queries(0):
            admin_client.get("/probe/plain/")

        assert records()[0]["user_id"] is None

    def test_the_next_request_of_the_thread_knows_nothing_of_the_last(self, admin_client: Client) -> None:
        admin_client.get("/api/probe/closed/")
        with doing(raising(RuntimeError("x"))):
            Client(raise_request_exception=False).get("/probe/plain/")

        assert records()[0]["user_id"] is None


class TestRequestId:
    @pytest.mark.parametrize("path", [*VIEWS, "/api/no/such/", "/api/health/"])
    def test_every_response_carries_it(self, get: Any, path: str) -> None:
        assert len(get(path)["X-Request-ID"]) == 32

    def test_a_harmless_offer_is_accepted(self, get: Any) -> None:
        assert get("/api/health/", headers={"x-request-id": ID})["X-Request-ID"] == ID

    @pytest.mark.parametrize("offered", ["short", "x" * 65, "a b c d e f g", "<script>alert(1)</script>", "é" * 10])
    def test_a_harmful_offer_is_replaced(self, get: Any, offered: str) -> None:
        assert get("/api/health/", headers={"x-request-id": offered})["X-Request-ID"] != offered

    def test_it_is_on_every_line_of_the_request(self, get: Any, caplog: pytest.LogCaptureFixture) -> None:
        lines: list[dict[str, Any]] = []

        class Collecting(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                lines.append(json.loads(JSONFormatter().format(record)))

        handler = Collecting()
        logging.getLogger().addHandler(handler)
        try:

            def act(request: Any) -> None:
                logging.getLogger("designs.anything").warning("on the way")
                raise RuntimeError("broken")

            with doing(act):
                get("/api/probe/plain/", headers={"x-request-id": ID})
        finally:
            logging.getLogger().removeHandler(handler)

        assert {line["logger"] for line in lines} >= {"designs.anything", "enginel.errors", "enginel.requests"}
        assert {line.get("request_id") for line in lines} == {ID}


class TestRequestLine:
    def test_each_request_is_one_line(self, get: Any, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.INFO, "enginel.requests"):
            get("/api/probe/plain/?token=hunter2")

        (line,) = [record for record in caplog.records if record.name == "enginel.requests"]
        assert line.getMessage() == "GET /api/probe/plain/ 200"
        assert line.__dict__["status"] == 200
        assert line.__dict__["duration_ms"] >= 0


@pytest.mark.usefixtures("allow_swallowed")
def test_a_broken_monitoring_breaks_no_request(get: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ErrorTracker, "log_error", lambda *a, **k: 1 / 0)
    for error in (RuntimeError("x"), GeometryProcessingError("x")):
        with doing(raising(error)):
            response = get("/api/probe/drf/")
        assert response.status_code in {500, 422}
        assert response.json()["error_id"] is None


@override_settings(REDIS_URL=REFUSED_URL)
def test_requests_are_answered_and_recorded_without_redis(get: Any) -> None:
    with doing(raising(RuntimeError("broken"))):
        response = get("/api/probe/plain/")

    assert response.status_code == 500
    assert response.json()["error_id"] == records()[0]["event_id"]


def test_a_very_long_path_is_cut() -> None:
    kept: list[int] = []
    path = "/api/probe/long/" + "x" * 3000
    with doing(lambda request: kept.append(len(context.current().path))):
        Client().get(path)

    assert kept == [512]


class TestWithin:
    """A middleware of ours calls the next one of ours without what Django puts between; nobody else is passed by."""

    def test_djangos_try_is_left_out_around_ours_only(self) -> None:
        def view(request: HttpRequest) -> HttpResponse:
            return HttpResponse()

        innermost = convert_exception_to_response(view)
        of_ours = MetricsMiddleware(innermost)

        assert within(innermost) is innermost
        assert within(convert_exception_to_response(of_ours)) is of_ours
        assert within(somebody := passing(of_ours)) is somebody

    def test_a_middleware_of_somebody_else_is_called(self, get: Any) -> None:
        passed.clear()
        ours = settings.MIDDLEWARE
        with override_settings(MIDDLEWARE=[*ours[:2], f"{__name__}.passing", *ours[2:]]):
            assert get("/api/health/").status_code == 200

        assert passed == ["/api/health/"]


passed: list[str] = []


@sync_and_async_middleware
def passing(get_response: Any) -> Any:
    """A middleware that looks like the one within, as ``functools.wraps`` makes it."""
    if iscoroutinefunction(get_response):

        @wraps(get_response)
        async def aserve(request: HttpRequest) -> Any:
            passed.append(request.path)
            return await get_response(request)

        return aserve

    @wraps(get_response)
    def serve(request: HttpRequest) -> Any:
        passed.append(request.path)
        return get_response(request)

    return serve
