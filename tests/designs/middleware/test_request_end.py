"""The context of a request, or of a task, ends with it: what the thread records afterwards is none of its."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from asgiref.testing import ApplicationCommunicator
from celery import shared_task
from django.contrib.auth.models import User
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import AsyncClient, Client, RequestFactory

from designs import context
from designs.context import RunContext
from designs.middleware import ErrorTrackingMiddleware
from designs.monitoring import ErrorTracker
from tests.support.probe_views import doing, raising
from tests.support.serving import KINDS, get_as

pytestmark = pytest.mark.urls("tests.urls")

VIEWS = ["/api/probe/drf/", "/api/probe/plain/", "/api/probe/async/", "/probe/plain/", "/api/no/such/"]


@pytest.fixture(params=KINDS)
def get(request: pytest.FixtureRequest) -> Any:
    return get_as(request, raise_request_exception=False)


def about(record: dict[str, Any]) -> tuple[Any, ...]:
    return record["user_id"], record["request_path"], record["request_id"]


def afterwards() -> dict[str, Any]:
    return ErrorTracker.log_error("afterwards")


NOTHING = (None, None, "")


@pytest.mark.parametrize("path", VIEWS)
def test_a_record_made_after_a_request_carries_nothing_of_it(get: Any, path: str) -> None:
    get(path)

    assert about(afterwards()) == NOTHING
    assert context.current() == RunContext()
    assert context.known() == {}


@pytest.mark.parametrize("path", VIEWS[:-1])
def test_a_record_made_after_a_failed_request_carries_nothing_of_it(get: Any, path: str) -> None:
    with doing(raising(RuntimeError("broken"))):
        get(path)

    assert about(afterwards()) == NOTHING


def test_an_exception_that_the_client_raises_again_ends_the_context() -> None:
    with doing(raising(RuntimeError("broken"))), pytest.raises(RuntimeError):
        Client().get("/api/probe/plain/")

    assert about(afterwards()) == NOTHING


@pytest.mark.parametrize("stop", [SystemExit, KeyboardInterrupt])
def test_an_exception_that_leaves_the_middlewares_ends_the_context(stop: type[BaseException]) -> None:
    with doing(raising(stop())), pytest.raises(stop):
        Client().get("/api/probe/plain/")

    assert about(afterwards()) == NOTHING


def test_a_cancelled_request_ends_the_context() -> None:
    async def act() -> dict[str, Any]:
        with pytest.raises(asyncio.CancelledError):
            await AsyncClient().get("/api/probe/async/")
        return afterwards()

    with doing(raising(asyncio.CancelledError())):
        assert about(async_to_sync(act)()) == NOTHING


def test_the_middleware_alone_ends_the_context() -> None:
    ErrorTrackingMiddleware(lambda request: HttpResponse())(RequestFactory().get("/alone/"))

    assert about(afterwards()) == NOTHING


@pytest.mark.django_db
def test_the_user_of_an_ended_request_is_forgotten(admin_client: Client, admin_user: User) -> None:
    seen: list[Any] = []
    with doing(lambda request: seen.append(about(afterwards()))):
        kept = admin_client.get("/api/probe/closed/")

    assert str(seen[0][0]) == str(admin_user.pk)
    assert about(afterwards()) == NOTHING
    assert kept.status_code == 200


def test_a_request_within_a_request_gives_the_context_back() -> None:
    seen: list[Any] = []

    def act(request: Any) -> None:
        with doing(lambda inner: seen.append(about(afterwards()))):
            inner = Client().get("/probe/plain/")
        seen.append(about(afterwards()))
        assert inner["X-Request-ID"] == seen[0][2]

    with doing(act):
        outer = Client().get("/api/probe/plain/")

    assert [(path, request_id == outer["X-Request-ID"]) for _, path, request_id in seen] == [
        ("/probe/plain/", False),
        ("/api/probe/plain/", True),
    ]
    assert about(afterwards()) == NOTHING


def test_a_thread_that_serves_requests_has_no_context_between_them() -> None:
    found: list[Any] = []

    def work() -> None:
        for path in ("/api/probe/plain/", "/probe/plain/"):
            Client().get(path)
            found.append(about(afterwards()))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert found == [NOTHING, NOTHING]


def test_a_thread_that_took_the_context_along_keeps_it() -> None:
    taken: list[contextvars.Context] = []
    with doing(lambda request: taken.append(contextvars.copy_context())):
        Client().get("/api/probe/plain/")

    assert about(taken[0].run(afterwards))[1] == "/api/probe/plain/"


def test_a_line_that_django_writes_of_an_answer_carries_its_request(get: Any) -> None:
    seen: list[Any] = []

    class Listening(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append((record.name, record.getMessage(), context.known().get("path")))

    logger = logging.getLogger("django.request")
    handler = Listening()
    logger.addHandler(handler)
    try:
        with doing(lambda request: HttpResponse(status=418)):
            get("/api/probe/plain/")
        get("/api/no/such/")
    finally:
        logger.removeHandler(handler)

    assert seen == [
        ("django.request", "I'm a Teapot: /api/probe/plain/", "/api/probe/plain/"),
        ("django.request", "Not Found: /api/no/such/", "/api/no/such/"),
    ]


class TestStreams:
    """Each step of a body runs in the context of its request; what the reader does in between does not."""

    @pytest.mark.parametrize("path", ["/probe/stream/", "/probe/stream-async/"])
    @pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume:Warning")
    def test_a_body_records_with_its_request_and_nothing_afterwards(self, path: str) -> None:
        seen: list[Any] = []
        with doing(lambda request: seen.append(about(afterwards())[1])):
            response = Client().get(path)
            between = about(afterwards())
            assert b"".join(response) == b"begun ended"

        assert seen == [path]
        assert between == about(afterwards()) == NOTHING

    @pytest.mark.parametrize("path", ["/probe/stream/", "/probe/stream-async/"])
    @pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume:Warning")
    def test_a_body_under_asgi_records_with_its_request_and_nothing_afterwards(self, path: str) -> None:
        seen: list[Any] = []

        async def read() -> None:
            response = await AsyncClient().get(path)
            seen.append(about(afterwards()))
            seen.extend([about(afterwards()) async for _ in response])

        with doing(lambda request: seen.append(about(afterwards())[1])):
            async_to_sync(read)()

        assert path in seen
        assert [found for found in seen if found != path] == [NOTHING] * 3
        assert about(afterwards()) == NOTHING

    def test_what_a_body_binds_lasts_until_its_next_step(self) -> None:
        seen: list[str] = []

        def body() -> Iterator[bytes]:
            context.bind(task="export")
            yield b"one"
            seen.append(context.current().task)
            yield b"two"

        with doing(lambda request: StreamingHttpResponse(body())):
            for _ in Client().get("/probe/plain/"):
                seen += [context.current().task]

        assert seen == ["", "export", ""]

    @pytest.mark.django_db
    def test_a_body_that_is_closed_early_records_with_its_request(self) -> None:
        seen: list[Any] = []

        def body() -> Iterator[bytes]:
            try:
                yield b"one"
                yield b"two"
            finally:
                seen.append(about(afterwards())[1])

        with doing(lambda request: StreamingHttpResponse(body())):
            response = Client().get("/probe/plain/")
            next(iter(response))
            response.close()

        assert seen == ["/probe/plain/"]
        assert about(afterwards()) == NOTHING

    def test_an_async_body_whose_client_goes_away_records_with_its_request(self) -> None:
        seen: list[Any] = []

        async def body() -> AsyncIterator[bytes]:
            try:
                yield b"one"
                await asyncio.Event().wait()
            finally:
                seen.append(about(afterwards())[1])

        async def serve() -> None:
            scope = {"type": "http", "method": "GET", "path": "/probe/plain/", "headers": [(b"host", b"localhost")]}
            server = ApplicationCommunicator(ASGIHandler(), {**scope, "query_string": b""})
            await server.send_input({"type": "http.request"})
            assert (await server.receive_output())["status"] == 200
            assert (await server.receive_output())["body"] == b"one"
            await server.send_input({"type": "http.disconnect"})
            await server.wait()
            assert about(afterwards()) == NOTHING

        with doing(lambda request: StreamingHttpResponse(body())):
            async_to_sync(serve)()

        assert seen == ["/probe/plain/"]
        assert about(afterwards()) == NOTHING

    def test_a_body_that_breaks_off_ends_the_context(self) -> None:
        with doing(raising(RuntimeError("broken"))), pytest.raises(RuntimeError):
            list(Client().get("/probe/stream/"))

        assert about(afterwards()) == NOTHING


@shared_task(name="probe.within")
def within() -> str:
    return context.current().task


class TestTasks:
    def test_an_eager_task_gives_the_context_of_its_request_back(self, get: Any) -> None:
        seen: list[Any] = []

        def act(request: Any) -> None:
            seen.append(within.delay().result)
            seen.append((context.current().task, about(afterwards())[1]))

        with doing(act):
            get("/api/probe/plain/")

        assert seen == ["probe.within", ("", "/api/probe/plain/")]
        assert about(afterwards()) == NOTHING

    @pytest.mark.django_db
    def test_a_task_forgets_the_user_of_the_request_before(self, admin_client: Client, admin_user: User) -> None:
        def act(request: Any) -> None:
            within.delay()

        with doing(act):
            kept = admin_client.get("/api/probe/closed/")
        within.delay()

        assert about(afterwards()) == NOTHING
        assert kept.status_code == 200

    def test_a_sync_part_of_an_async_view_is_part_of_the_request(self) -> None:
        async def act() -> Any:
            async def view(request: HttpRequest) -> HttpResponse:
                return HttpResponse(repr(about(await sync_to_async(afterwards)())[1]))

            response = await ErrorTrackingMiddleware(view)(RequestFactory().get("/threaded/"))
            return response.content, about(await sync_to_async(afterwards)())

        assert async_to_sync(act)() == (b"'/threaded/'", NOTHING)
