"""A response of 500 and above is the answer of the failure its request recorded, or an occurrence of its route."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
import sentry_sdk
from asgiref.sync import sync_to_async
from celery import shared_task
from django.http import HttpRequest, HttpResponse, HttpResponseServerError, JsonResponse
from django.template.response import TemplateResponse
from django.test import Client, override_settings
from django.urls import path
from rest_framework.response import Response

from designs.monitoring import ErrorTracker
from designs.monitoring.errors import recorder
from designs.monitoring.sentry.sdk_start import start_sentry
from enginel.urls import handler500
from tests.support import probe_views
from tests.support.bugsink import SentryProject, bugsink, sentry_project
from tests.support.probe_views import doing
from tests.support.sentry_capture import Collecting, transport
from tests.support.serving import KINDS, get_as

__all__ = ["bugsink", "handler500", "sentry_project", "transport"]

pytestmark = pytest.mark.urls(__name__)


class Written:
    def render(self, context: Any, request: HttpRequest) -> str:
        return "unavailable"


async def logs_async(request: HttpRequest) -> HttpResponse:
    try:
        {}["missing"]
    except KeyError as error:
        await sync_to_async(ErrorTracker.log_error)(error)
    return JsonResponse({}, status=500)


def answering_503(view: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    @wraps(view)
    def guarded(request: HttpRequest) -> HttpResponse:
        try:
            return view(request)
        except KeyError as error:
            ErrorTracker.log_error(error)
            return HttpResponse(status=503)

    return guarded


@answering_503
def decorated(request: HttpRequest) -> HttpResponse:
    return HttpResponse({}["missing"])


urlpatterns = [
    path("", probe_views.plain),
    path("plain/", probe_views.plain),
    path("designs/<int:number>/bom/", lambda request, number: probe_views.plain(request)),
    path("designs/<int:number>/geometry/", lambda request, number: probe_views.plain(request)),
    path("drf/", probe_views.DRFView.as_view()),
    path("async/", probe_views.plain_async),
    path("async-log/", logs_async),
    path("decorated/", decorated),
]


@shared_task(name="probe.breaks")
def breaks() -> None:
    {}["missing"]


@pytest.fixture(params=KINDS)
def get(request: pytest.FixtureRequest) -> Any:
    return get_as(request, raise_request_exception=False)


def records() -> list[dict[str, Any]]:
    found = ErrorTracker.get_recent_errors(100)
    assert recorder.error_store.totals().get("occurrences", 0) == len(found)
    return found


def logging_and(answer: Callable[[Any], Any], *logged: Any, **facts: Any) -> Callable[[Any], Any]:
    """Return an action that handles an exception: logs it, or what is given in its place, and answers."""

    def act(request: Any) -> Any:
        try:
            {}["missing"]
        except KeyError as error:
            for what in logged or (error,):
                ErrorTracker.log_error(error if what is KeyError else what, **facts)
            return answer(request)

    return act


ANSWERS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "JsonResponse 500": ("/plain/", lambda request: JsonResponse({}, status=500)),
    "JsonResponse 503": ("/plain/", lambda request: JsonResponse({}, status=503)),
    "HttpResponseServerError": ("/plain/", lambda request: HttpResponseServerError()),
    "TemplateResponse": ("/plain/", lambda request: TemplateResponse(request, Written(), status=500)),  # type: ignore[arg-type]
    "DRF Response 500": ("/drf/", lambda request: Response({}, status=500)),
    "DRF Response 503": ("/drf/", lambda request: Response({}, status=503)),
    "async view": ("/async/", lambda request: JsonResponse({}, status=502)),
}


class TestOfAFailure:
    @pytest.mark.parametrize("name", ANSWERS)
    def test_a_logged_exception_and_its_answer_are_one_occurrence(self, get: Any, name: str) -> None:
        where, answer = ANSWERS[name]
        with doing(logging_and(answer)):
            assert get(where).status_code >= 500

        (record,) = records()
        assert (record["error_message"], record["source"], record["request_path"]) == ("'missing'", "explicit", where)

    @pytest.mark.parametrize("where", ["/async-log/", "/decorated/"])
    def test_the_view_may_log_in_a_thread_or_around_itself(self, get: Any, where: str) -> None:
        assert get(where).status_code >= 500

        assert [record["error_message"] for record in records()] == ["'missing'"]

    def test_a_logged_text_and_the_answer_are_one_occurrence(self, get: Any) -> None:
        with doing(logging_and(lambda request: HttpResponse(status=500), "the parts list is gone")):
            get("/plain/")

        assert [record["error_message"] for record in records()] == ["the parts list is gone"]

    def test_the_answer_adds_nothing_to_several_failures(self, get: Any) -> None:
        with doing(logging_and(lambda request: HttpResponse(status=500), "one", KeyError, KeyError, "two")):
            get("/plain/")

        assert {record["error_message"] for record in records()} == {"one", "'missing'", "two"}
        assert len(records()) == 3

    def test_a_failed_eager_task_and_the_answer_are_one_occurrence(self, get: Any) -> None:
        def act(request: Any) -> Any:
            assert breaks.delay().failed()
            return HttpResponse(status=500)

        with doing(act):
            get("/plain/")

        assert [record["task"] for record in records()] == ["probe.breaks"]

    def test_a_lesser_failure_does_not_explain_the_answer(self, get: Any) -> None:
        with doing(logging_and(lambda request: HttpResponse(status=503), severity="WARNING")):
            get("/plain/")

        assert sorted(record["severity"] for record in records()) == ["ERROR", "WARNING"]

    def test_a_failure_explains_no_answer_of_the_next_request(self, get: Any) -> None:
        headers = {"x-request-id": "the-same-id-again"}
        with doing(logging_and(lambda request: HttpResponse())):
            get("/plain/", headers=headers)
        with doing(lambda request: HttpResponse(status=500)):
            get("/plain/", headers=headers)

        assert [record["error_type"] for record in records()] == ["message", "KeyError"]

    def test_a_failure_of_a_request_within_explains_no_answer_of_the_outer_one(self) -> None:
        def act(request: Any) -> Any:
            with doing(logging_and(lambda request: HttpResponse())):
                Client().get("/designs/5/bom/")
            return HttpResponse(status=500)

        with doing(act):
            Client().get("/plain/")

        assert [record["request_path"] for record in records()] == ["/plain/", "/designs/5/bom/"]

    @pytest.mark.parametrize("where", ["/plain/", "/async/", "/drf/"])
    @pytest.mark.parametrize(
        "tell",
        [
            lambda error: logging.getLogger("designs.pricing").error("no price", exc_info=error),
            sentry_sdk.capture_exception,
            ErrorTracker.log_error,
        ],
        ids=["logger.exception", "capture_exception", "log_error"],
    )
    def test_with_sentry_on_it_is_one_occurrence_and_one_event(
        self, get: Any, transport: Collecting, where: str, tell: Callable[[Any], Any]
    ) -> None:
        def act(request: Any) -> Any:
            try:
                {}["missing"]
            except KeyError as error:
                tell(error)
                return Response({}, status=500) if where == "/drf/" else HttpResponse(status=500)

        with doing(act):
            get(where)

        assert [record["error_message"] for record in records()] == ["'missing'"]
        assert len(transport.events) == 1


class TestOfARoute:
    def test_each_route_and_status_is_a_group(self, get: Any) -> None:
        for where, status in [
            ("/designs/5/bom/", 500), ("/designs/6/bom/", 500), ("/designs/6/geometry/", 500), ("/designs/5/bom/", 503),
        ]:  # fmt: skip
            with doing(lambda request, status=status: HttpResponse(status=status)):
                get(where)

        groups = ErrorTracker.get_groups()
        assert sorted((group["site"], group["total"]) for group in groups) == [
            ("designs/<int:number>/bom/", "1"),
            ("designs/<int:number>/bom/", "2"),
            ("designs/<int:number>/geometry/", "1"),
        ]
        assert {group["message"] for group in groups} == {
            "GET designs/<int:number>/bom/ answered 500 without an exception",
            "GET designs/<int:number>/bom/ answered 503 without an exception",
            "GET designs/<int:number>/geometry/ answered 500 without an exception",
        }

    def test_methods_of_a_route_are_one_group(self) -> None:
        with doing(lambda request: HttpResponse(status=500)):
            Client().get("/plain/")
            Client().post("/plain/")

        assert [group["total"] for group in ErrorTracker.get_groups()] == ["2"]

    @pytest.mark.parametrize(("where", "site"), [("/", "/"), ("/no/", "<unresolved>"), ("/nor/", "<unresolved>")])
    def test_the_root_and_what_no_pattern_takes_have_names(self, settings: Any, where: str, site: str) -> None:
        settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{__name__}.closed"]
        with doing(lambda request: HttpResponse(status=503)):
            assert Client().get(where).status_code == 503

        assert [group["site"] for group in ErrorTracker.get_groups()] == [site]

    def test_each_is_an_issue_of_its_own(self, sentry_project: SentryProject, tmp_path: Path) -> None:
        with sending_to(sentry_project, tmp_path):
            for where in ("/designs/5/bom/", "/designs/6/bom/", "/designs/5/geometry/"):
                with doing(lambda request: HttpResponse(status=503)):
                    Client().get(where)
            events = sentry_project.wait_for_events(2)

        assert sorted(event["logentry"]["formatted"] for event in events) == [
            "GET designs/<int:number>/bom/ answered 503 without an exception",
            "GET designs/<int:number>/geometry/ answered 503 without an exception",
        ]
        assert [issue["digested_event_count"] for issue in sentry_project.issues()] == [1, 1]


@contextmanager
def sending_to(project: SentryProject, state_dir: Path) -> Iterator[None]:
    """Run with Sentry on, its own transport included."""
    with override_settings(SENTRY_DSN=project.dsn, ENGINEL_STATE_DIR=state_dir):
        assert start_sentry()
        try:
            yield
        finally:
            sentry_sdk.get_client().close(timeout=0)
            sentry_sdk.get_global_scope().set_client(None)


def closed(get_response: Any) -> Any:
    """A middleware that answers what no view does, as one of a maintenance window."""

    def serve(request: HttpRequest) -> HttpResponse:
        response: HttpResponse = get_response(request)
        return HttpResponse(status=503) if response.status_code == 404 else response

    return serve
