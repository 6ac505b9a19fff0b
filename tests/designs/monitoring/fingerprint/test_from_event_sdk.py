"""What Sentry's SDK sends of a failure has the failure's live key."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest
import sentry_sdk
from celery.exceptions import MaxRetriesExceededError, SoftTimeLimitExceeded
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, OperationalError, connection
from django.http import Http404
from django.template import Context, Template
from rest_framework.exceptions import APIException, ErrorDetail, NotFound, ValidationError
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView
from sentry_sdk.integrations.celery import CeleryIntegration
from sentry_sdk.integrations.logging import LoggingIntegration
from sentry_sdk.integrations.threading import ThreadingIntegration

from designs.monitoring import ErrorTracker
from designs.monitoring.fingerprint import fingerprint_event, fingerprint_exception, fingerprint_message
from enginel.celery import app
from tests.designs.monitoring.fingerprint.test_from_event import CASES, caught, foreign, group, nested, plain
from tests.support.sentry_capture import DSN, Collecting, started

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")


@pytest.fixture(params=[False, True], ids=["", "full stacks"])
def sdk(request: pytest.FixtureRequest) -> Iterator[Collecting]:
    """Give the transport of the SDK as any application starts it: without ours."""
    transport = Collecting()
    client = sentry_sdk.Client(
        dsn=DSN,
        transport=transport,
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[CeleryIntegration(), ThreadingIntegration(), LoggingIntegration()],
        attach_stacktrace=request.param,
    )
    with sentry_sdk.isolation_scope() as scope:
        scope.clear()
        scope.set_client(client)
        yield transport
    client.close(timeout=0)


def bound(name: str) -> Callable[[], None]:
    def act() -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"select * from {name}")

    return act


def never_raised() -> None:
    raise ExceptionGroup("several", [ValueError("row 5"), KeyError("a")])


def from_a_group() -> None:
    try:
        group()
    except ExceptionGroup as error:
        raise error.exceptions[0] from None


def group_with_cause() -> None:
    try:
        nested()
    except ValueError as error:
        raise ExceptionGroup("several", [caught(plain), caught(foreign)]) from error  # type: ignore[list-item]


def hidden() -> None:
    __traceback_hide__ = True
    plain()


def hides_nothing() -> None:
    __tracebackhide__ = False
    plain()


def only_hidden() -> None:
    __tracebackhide__ = True
    raise ValueError("row 5")


def locked() -> None:
    raise OperationalError("database is locked") from caught(bound("missing_table")).__cause__


def integrity() -> None:
    raise IntegrityError("UNIQUE constraint failed: designs_design.name")


def in_a_template() -> None:
    Template("{{ part.read }}").render(Context({"part": type("Part", (), {"read": staticmethod(plain)})}))


def in_a_generator() -> None:
    def rows() -> Iterator[int]:
        yield from (int(row) for row in ["x"])

    list(rows())


def answered(error: Exception) -> Callable[[], None]:
    class Designs(APIView):
        authentication_classes: ClassVar[list[Any]] = []
        permission_classes: ClassVar[list[Any]] = []

        def get(self, request: Any) -> None:
            raise error

        def handle_exception(self, exc: Exception) -> Any:
            raise exc

    return lambda: Designs.as_view()(APIRequestFactory().get("/"))


FAILURES: dict[str, Callable[[], Any]] = {
    **{act.__name__: act for act in CASES},
    **{act.__name__: act for act in (from_a_group, group_with_cause, hidden, hides_nothing, only_hidden, integrity)},
    **{act.__name__: act for act in (in_a_template, in_a_generator, locked, never_raised)},
    "missing table": bound("missing_table"),
    "404": answered(Http404("no such design")),
    "refused": answered(PermissionDenied()),
    "5xx of DRF": answered(APIException("down")),
    "404 of DRF": answered(NotFound()),
    "invalid": answered(ValidationError({"name": ['it\'s "empty"'], "part": {"size": [ErrorDetail("x", "max")]}})),
    "invalid list": answered(ValidationError([{"name": ["{a: 5}"]}, {}, {"size": {0: ["y"]}}], code="bad")),
    "invalid text": answered(ValidationError("no", code="bad")),
}


@pytest.mark.django_db
@pytest.mark.parametrize("name", FAILURES)
def test_the_sdks_event_has_the_live_key(sdk: Collecting, name: str) -> None:
    error = caught(FAILURES[name])
    sentry_sdk.capture_exception(error)

    assert fingerprint_event(sdk.events[0]).parts == fingerprint_exception(error).parts
    assert fingerprint_event(sdk.events[0]) == fingerprint_exception(error)


def test_an_exception_that_was_never_raised_has_it(sdk: Collecting) -> None:
    for error in (ValueError("row 5"), ValueError(), KeyError("a"), ExceptionGroup("x", [ValueError("row 5")])):
        sentry_sdk.capture_exception(error)
        assert fingerprint_event(sdk.events[-1]).key == fingerprint_exception(error).key


def test_a_recursion_error_has_it(sdk: Collecting) -> None:
    def endless() -> None:
        endless()

    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(400)
    try:
        error = caught(endless)
    finally:
        sys.setrecursionlimit(limit)
    sentry_sdk.capture_exception(error)

    assert fingerprint_event(sdk.events[0]) == fingerprint_exception(error)


def test_a_failure_of_a_thread_has_it(sdk: Collecting) -> None:
    seen: list[BaseException] = []

    def run() -> None:
        try:
            plain()
        except ValueError as error:
            seen.append(error)
            raise

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()

    assert fingerprint_event(sdk.events[0]).parts == fingerprint_exception(seen[0]).parts


def over_time() -> None:
    raise SoftTimeLimitExceeded


def used_up() -> None:
    try:
        plain()
    except ValueError as error:
        raise MaxRetriesExceededError from error


@pytest.mark.parametrize("body", [plain, group, over_time, used_up], ids=lambda body: body.__name__)
def test_a_failure_of_a_task_has_it(sdk: Collecting, body: Callable[[], None]) -> None:
    name = f"tests.{body.__name__}"
    task = app.task(name=name)(body)
    try:
        result = task.apply(throw=False)
    finally:
        app.tasks.pop(name)

    assert fingerprint_event(sdk.events[0]).parts == fingerprint_exception(result.result, name).parts


def test_a_log_record_has_it(sdk: Collecting) -> None:
    logger = logging.getLogger("tests.events")
    logger.error("row %s is bad", 5)
    logger.error("row %s is bad", 6, stack_info=True)
    try:
        plain()
    except ValueError as error:
        logger.exception("no design %s", 7)
        live = fingerprint_exception(error)

    assert {fingerprint_event(event).key for event in sdk.events[:2]} == {
        fingerprint_message("row %s is bad", "tests.events").key
    }
    assert fingerprint_event(sdk.events[2]) == live


@pytest.mark.parametrize("grouping", ["enginel", "hybrid", "sentry"])
def test_the_event_this_service_sends_has_it(grouping: str) -> None:
    def inside() -> None:
        try:
            group()
        except ExceptionGroup as error:
            raise KeyError("outer") from error

    with started(ENGINEL_SENTRY_GROUPING=grouping) as transport:
        for act in (plain, group, inside):
            ErrorTracker.log_error(caught(act))
            (key,) = {event["tags"]["fingerprint"] for event in transport.events[-1:]}
            assert fingerprint_event(transport.events[-1]).key == key == fingerprint_exception(caught(act)).key


def test_a_message_has_it(sdk: Collecting) -> None:
    sentry_sdk.capture_message("row 5 is bad")

    assert fingerprint_event(sdk.events[0]).key == fingerprint_message("row 5 is bad").key


def test_where_an_event_holds_less_the_key_differs_as_documented(sdk: Collecting) -> None:
    """These are the cases docs/reference.md names; one that agrees one day is to be taken out there."""

    def inside() -> None:
        try:
            group()
        except ExceptionGroup as error:
            raise KeyError("outer") from error

    def named() -> None:
        raise type("Named", (ValueError,), {"error_fingerprint": "quota"})("x")

    def noted() -> None:
        error = ValueError("row 5")
        error.add_note("while reading")
        raise error

    cases = [caught(act) for act in (inside, named, answered(NotFound(code="gone")))]
    for error in [*cases, caught(noted).with_traceback(None)]:
        sentry_sdk.capture_exception(error)
        assert fingerprint_event(sdk.events[-1]).key != fingerprint_exception(error).key
