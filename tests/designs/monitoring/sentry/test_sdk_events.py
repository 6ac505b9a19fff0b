"""What the SDK sees by itself: one failure is one event and one occurrence, whichever door sees it first."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
import sentry_sdk
from django.test import override_settings

from designs import context
from designs.exceptions import InvalidFileFormat
from designs.monitoring import ErrorTracker, guard
from tests.support.outage import REFUSED_URL
from tests.support.probe_views import doing, raising
from tests.support.sentry_capture import Collecting, serve, started, transport

__all__ = ["transport"]

# A request closes what connections it finds, and those of other tests may be there.
pytestmark = pytest.mark.django_db

log = logging.getLogger("designs.somewhere")


def failing(text: str = "broken") -> ValueError:
    try:
        raise ValueError(text)
    except ValueError as error:
        return error


def occurrences() -> int:
    return sum(int(group["total"]) for group in ErrorTracker.get_groups())


def explicit_then_django() -> None:
    def view(request: Any) -> None:
        try:
            raise ValueError("broken")
        except ValueError as error:
            ErrorTracker.log_error(error)
            raise

    with doing(view):
        serve("/api/probe/plain/")


def explicit_then_logged_with_traceback() -> None:
    try:
        raise ValueError("broken")
    except ValueError as error:
        ErrorTracker.log_error(error)
        log.exception("it failed")


def explicit_then_a_message(tell: Callable[[Exception], None]) -> Callable[[], None]:
    def run() -> None:
        try:
            raise ValueError("broken")
        except ValueError as error:
            ErrorTracker.log_error(error)
            tell(error)

    return run


def explicit_then_raised_from() -> None:
    def view(request: Any) -> None:
        try:
            raise ValueError("broken")
        except ValueError as error:
            ErrorTracker.log_error(error)
            try:
                raise RuntimeError("what it means") from error
            except RuntimeError:
                log.exception("it failed")
                raise

    with doing(view):
        serve("/api/probe/plain/")


def logged_then_django() -> None:
    def view(request: Any) -> None:
        try:
            raise ValueError("broken")
        except ValueError as error:
            log.error("failed: %s", error)
            raise

    with doing(view):
        serve("/api/probe/plain/")


def view(path: str) -> Callable[[], None]:
    def run() -> None:
        with doing(raising(ValueError("broken"))):
            serve(path)

    return run


def captured_by_hand() -> None:
    error = failing()
    sentry_sdk.capture_exception(error)
    ErrorTracker.log_error(error)


def captured_twice_with_another_between() -> None:
    first = failing()
    sentry_sdk.capture_exception(first)
    log.error("failed: %s", first)
    thread = threading.Thread(target=sentry_sdk.capture_exception, args=(first,))
    thread.start()
    thread.join()


def thread_that_raises() -> None:
    def work() -> None:
        raise ValueError("broken")

    hook, threading.excepthook = threading.excepthook, lambda args: None
    try:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    finally:
        threading.excepthook = hook


CASES: dict[str, Callable[[], None]] = {
    "explicit, then Django": explicit_then_django,
    "explicit, then log.exception": explicit_then_logged_with_traceback,
    "explicit, then log.error with it": explicit_then_a_message(lambda e: log.error("failed: %s", e)),
    "explicit, then log.error in its words": explicit_then_a_message(lambda e: log.error(f"failed: {e}")),  # noqa: G004
    "explicit, then raise from, logged, Django": explicit_then_raised_from,
    "log.error with it, then Django": logged_then_django,
    "plain view": view("/api/probe/plain/"),
    "async view": view("/api/probe/async/"),
    "DRF view": view("/api/probe/drf/"),
    "streaming view": view("/probe/stream/"),
    "capture_exception, then explicit": captured_by_hand,
    "captured, logged, captured in a thread": captured_twice_with_another_between,
    "thread": thread_that_raises,
    "log.exception alone": lambda: log.error("it failed", exc_info=failing()),
    "log.error alone": lambda: log.error("disk %s is full", "sda"),
    "capture_message": lambda: sentry_sdk.capture_message("something odd", level="error") and None,
}


@pytest.mark.urls("tests.urls")
@pytest.mark.filterwarnings("ignore:StreamingHttpResponse")
@pytest.mark.parametrize("case", CASES)
def test_a_failure_is_one_event_and_one_occurrence(transport: Collecting, case: str) -> None:
    try:
        CASES[case]()
    except ValueError:
        assert case == "streaming view"

    (event,) = transport.events
    (record,) = ErrorTracker.get_recent_errors()
    assert occurrences() == 1
    assert event["event_id"] == record["event_id"]
    assert event["fingerprint"] == ["enginel", record["fingerprint"]]
    assert event["tags"]["fingerprint"] == record["fingerprint"]


@pytest.mark.urls("tests.urls")
@pytest.mark.parametrize("path", ["/api/probe/plain/", "/api/probe/async/", "/api/probe/drf/"])
def test_a_views_event_holds_its_request(transport: Collecting, path: str) -> None:
    view(path)()

    (event,) = transport.events
    assert event["request"]["url"] == f"http://testserver{path}"
    assert event["request"]["method"] == "GET"
    assert event["transaction"] == path
    assert event["tags"]["enginel.source"] == "http"
    assert len(event["contexts"]["trace"]["trace_id"]) == 32


def test_a_line_of_the_log_is_grouped_by_its_template(transport: Collecting) -> None:
    for disk in ("sda", "sdb", "sdc"):
        log.error("disk %s is full", disk)
    logging.getLogger("designs.elsewhere").error("disk %s is full", "sda")

    assert [event["logentry"]["formatted"] for event in transport.events] == ["disk sda is full"] * 2
    assert sorted(int(group["total"]) for group in ErrorTracker.get_groups()) == [1, 3]


def test_only_what_passes_the_gate_is_sent_with_the_exact_counts(transport: Collecting) -> None:
    for _ in range(100):
        sentry_sdk.capture_exception(failing())

    told = [event["contexts"]["enginel"] for event in transport.events]
    assert [(one["occurrences"], one["suppressed"]) for one in told] == [(1, 0), (10, 8), (100, 89)]
    assert occurrences() == 100


def test_both_doors_are_one_group(transport: Collecting) -> None:
    def fail() -> None:
        raise ValueError("broken")

    for capture in (sentry_sdk.capture_exception, ErrorTracker.log_error):
        try:
            fail()
        except ValueError as error:
            capture(error)  # type: ignore[operator]

    (group,) = ErrorTracker.get_groups()
    assert group["total"] == "2"


def test_the_severity_of_our_exceptions_is_the_level(transport: Collecting) -> None:
    sentry_sdk.capture_exception(InvalidFileFormat("no STEP"))

    (event,) = transport.events
    assert (event["level"], event["tags"]["severity"]) == ("warning", "WARNING")
    assert event["tags"]["code"] == "invalid_file_format"


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_who_leaves_has_not_failed(transport: Collecting, error: BaseException) -> None:
    sentry_sdk.capture_exception(error)

    assert (transport.events, occurrences()) == ([], 0)


@pytest.mark.parametrize(
    "name",
    [
        "enginel.errors", "enginel.monitoring", "django.security.DisallowedHost", "django.request", "multiprocessing",
        "celery.worker.request", "celery.worker.consumer.consumer", "celery.app.trace", "celery.redirected",
    ],
)  # fmt: skip
def test_lines_that_tell_what_is_known_are_not_captured(transport: Collecting, name: str) -> None:
    logger = logging.getLogger(name)
    logger.error("told", exc_info=failing())

    assert (transport.events, occurrences()) == ([], 0)


def test_what_the_scope_says_of_grouping_holds(transport: Collecting) -> None:
    with sentry_sdk.new_scope() as scope:
        scope.fingerprint = ["quota", "{{ default }}"]
        sentry_sdk.capture_exception(failing())
    sentry_sdk.capture_exception(failing())

    assert len(transport.events) == 2
    first = ErrorTracker.get_group(transport.events[0]["fingerprint"][1]) or {}
    assert first["why"][0] == "custom quota"


@override_settings(REDIS_URL=REFUSED_URL)
def test_without_redis_this_process_decides_alone(transport: Collecting) -> None:
    for _ in range(12):
        sentry_sdk.capture_exception(failing())

    assert len(transport.events) == 2


@pytest.mark.usefixtures("allow_swallowed")
def test_if_our_own_code_fails_the_event_passes(transport: Collecting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("designs.monitoring.sentry.sdk_events.record_new", lambda *a, **k: 1 / 0)
    for _ in range(3):
        sentry_sdk.capture_exception(failing())

    assert len(transport.events) == 3
    assert guard.swallowed == {"second_door": 3}
    assert transport.events[0]["exception"]["values"][0]["value"] == "broken"


def test_the_context_of_the_request_is_on_the_record(transport: Collecting) -> None:
    with context.use(context.RunContext(request_id="r" * 32, user_id="7", path="/x/")):
        log.error("failed: %s", failing())

    (record,) = ErrorTracker.get_recent_errors()
    assert (record["request_id"], record["user_id"], record["source"]) == ("r" * 32, "7", "log")
    assert record["context"]["logger"] == "designs.somewhere"
    assert record["context"]["message"] == "failed: broken"
    (event,) = transport.events
    assert event["user"]["id"] == "7"
    assert event["exception"]["values"][0]["type"] == "ValueError"


@pytest.mark.parametrize(
    ("grouping", "expected"),
    [("enginel", ["enginel", "KEY"]), ("hybrid", ["{{ default }}", "KEY"]), ("sentry", None)],
)
@pytest.mark.parametrize("door", [sentry_sdk.capture_exception, ErrorTracker.log_error])
def test_the_settings_say_whose_groups_the_issues_are(door: Any, grouping: str, expected: list[str] | None) -> None:
    with started(ENGINEL_SENTRY_GROUPING=grouping) as transport:
        door(failing())

    (event,) = transport.events
    key = event["tags"]["fingerprint"]
    assert event.get("fingerprint") == (None if expected is None else [key if e == "KEY" else e for e in expected])


def test_the_interpreters_last_hook_is_an_occurrence(transport: Collecting) -> None:
    error = failing()
    hook, sys.__excepthook__ = sys.__excepthook__, lambda *args: None  # type: ignore[misc]
    try:
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        sys.__excepthook__ = hook  # type: ignore[misc]

    (record,) = ErrorTracker.get_recent_errors()
    assert record["source"] == "sdk"


def loud_hook(record: Any) -> None:
    log.error("the hook was asked about %s", record["type"], exc_info=KeyError("of the hook"))


@override_settings(ENGINEL_FINGERPRINT_HOOK=f"{__name__}.loud_hook")
@pytest.mark.parametrize("door", [sentry_sdk.capture_exception, ErrorTracker.log_error])
def test_a_gate_that_logs_is_not_asked_about_itself_for_ever(transport: Collecting, door: Any) -> None:
    door(failing())

    told = [event["exception"]["values"][-1]["value"] for event in transport.events]
    assert told.count("broken") == 1
    assert told.count("'of the hook'") <= 1


class Loud:
    def __repr__(self) -> str:
        log.error("shown", exc_info=failing_with(self))
        return "loud"


def failing_with(loud: Loud) -> Exception:
    try:
        raise ValueError("of the object")
    except ValueError as error:
        return error


@pytest.mark.parametrize("door", [sentry_sdk.capture_exception, ErrorTracker.log_error])
def test_an_object_that_logs_when_shown_is_not_shown_for_ever(transport: Collecting, door: Any) -> None:
    door(failing_with(Loud()))

    assert 1 <= len(transport.events) <= 3
