# ruff: noqa: G004, G003
"""A log line about an exception that is being handled is that exception's occurrence, whatever happens to it then."""

from __future__ import annotations

import contextlib
import json
import logging
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sentry_sdk
from django.test import override_settings

from designs import context
from designs.monitoring import ErrorTracker
from designs.monitoring.sentry.sdk_start import start_sentry
from enginel.celery import app
from tests.support import probe_tasks
from tests.support.bugsink import SentryProject, bugsink, sentry_project
from tests.support.probe_views import doing
from tests.support.sentry_capture import Collecting, serve, transport

__all__ = ["bugsink", "sentry_project", "transport"]

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls")]

log = logging.getLogger("designs.pricing")

Line = Callable[[Exception], object]


class PriceError(Exception):
    """The application's own."""


class Failure(Exception):
    """One whose name says nothing."""


def report(error: Exception) -> None:
    log.error("an order without a price")


def report_further(*args: Any) -> None:
    _write("an order without a price")


def _write(text: str) -> None:
    log.error(text)


class Reporting:
    def __enter__(self) -> None:
        return

    def __exit__(self, *error: object) -> None:
        log.error("an order without a price")


LINES: dict[str, Line] = {
    "text": lambda e: log.error(f"could not price: {e}"),
    "type and text": lambda e: log.error(f"{type(e).__name__}: {e}"),
    "type": lambda e: log.error(f"pricing ended by {type(e).__name__}"),
    "traceback": lambda e: log.error("failed:\n" + traceback.format_exc()),
    "beginning of the traceback": lambda e: log.error(traceback.format_exc()[:60]),
    "last line of the traceback": lambda e: log.error(traceback.format_exception_only(e)[-1]),
    "repr": lambda e: log.error(f"could not price: {e!r}"),
    "argument": lambda e: log.error("could not price: %s", str(e)),
    "argument by repr": lambda e: log.error("could not price: %r", str(e)),
    "arguments by name": lambda e: log.error("could not price: %(why)s", {"why": str(e)}),
    "beginning of the text": lambda e: log.error(f"could not price: {str(e)[:25]}..."),
    "first line": lambda e: log.error(f"could not price: {str(e).splitlines()[:1]}"),
    "on one line": lambda e: log.error("could not price: " + " ".join(str(e).split())),
    "as JSON": lambda e: log.error(json.dumps({"failed": str(e)})),
    "the exception as message": log.error,
    "the exception as extra": lambda e: log.error("could not price", extra={"why": e}),
    "nothing of it": lambda e: log.error("an order without a price"),
    "nothing of it, critical": lambda e: log.critical("an order without a price"),
    "nothing of it, by a function that has it": report,
    "nothing of it, by a function further": lambda e: report_further("order", e),
    "several": lambda e: [log.error(f"could not price: {e}"), log.error("an order without a price")],
    "message to the SDK": lambda e: sentry_sdk.capture_message(f"could not price: {e}", level="error"),
    "recorded before": lambda e: [ErrorTracker.log_error(e), log.error("an order without a price")],
    "recorded after": lambda e: [log.error("an order without a price"), ErrorTracker.log_error(e)],
}
TEXTS = {
    "words": "the price list of the supplier is empty",
    "nothing": "",
    "one sign": "x",
    "several lines": "the price list of the supplier is empty:\n  no line\n  no total",
    "a secret": "cannot read prices at https://shop:hunter2secret@prices.example.org/list",
}


def handling(line: Line, text: str, ending: str, kind: type[Exception] = PriceError) -> Callable[[Any], None]:
    """Return what a view or a task does."""

    def act(request: Any) -> None:
        try:
            raise kind(text)
        except kind as error:
            line(error)
            if ending == "raise":
                raise
            if ending == "raise from":
                raise LookupError("no order") from error

    return act


def through(path: str) -> Callable[[Callable[[Any], None]], None]:
    def run(act: Callable[[Any], None]) -> None:
        with doing(act):
            serve(path)

    return run


def in_a_task(act: Callable[[Any], None]) -> None:
    def prices() -> None:
        act(None)

    task = app.task(name="tests.prices")(prices)
    try:
        with override_settings(CELERY_TASK_ALWAYS_EAGER=True):
            task.apply(throw=False)
    finally:
        app.tasks.pop(task.name)


def anywhere(act: Callable[[Any], None]) -> None:
    with contextlib.suppress(PriceError, Failure, LookupError):
        act(None)


PLACES: dict[str, Callable[[Callable[[Any], None]], None]] = {
    "plain view": through("/api/probe/plain/"),
    "async view": through("/api/probe/async/"),
    "DRF view": through("/api/probe/drf/"),
    "task": in_a_task,
    "function": anywhere,
}


def occurrences() -> int:
    return sum(int(group["total"]) for group in ErrorTracker.get_groups())


def kinds() -> list[str]:
    return [record["error_type"].rpartition(".")[2] for record in ErrorTracker.get_recent_errors(100)]


def event_kinds(transport: Collecting) -> list[str]:
    return [event["exception"]["values"][-1]["type"] for event in transport.events]


@pytest.mark.parametrize("ending", ["raise", "raise from", "go on"])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("line", LINES)
def test_a_line_and_what_becomes_of_the_exception_are_one(
    transport: Collecting, line: str, place: str, ending: str
) -> None:
    PLACES[place](handling(LINES[line], TEXTS["words"], ending))

    assert (kinds(), event_kinds(transport)) == (["PriceError"], ["PriceError"])
    assert occurrences() == 1


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("line", LINES)
def test_whatever_the_exception_says(transport: Collecting, line: str, text: str) -> None:
    PLACES["plain view"](handling(LINES[line], TEXTS[text], "raise", Failure))

    assert (kinds(), event_kinds(transport)) == (["Failure"], ["Failure"])
    assert occurrences() == 1


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("kind", [PriceError, Failure])
def test_what_else_fails_while_it_is_handled_is_a_failure_of_its_own(
    transport: Collecting, text: str, kind: type[Exception]
) -> None:
    def fall_back() -> None:
        log.error("disk sda is full")

    PLACES["plain view"](handling(lambda error: fall_back(), TEXTS[text], "raise", kind))

    assert sorted(kinds()) == sorted([kind.__name__, "message"])
    assert (len(transport.events), occurrences()) == (2, 2)


def test_raised_without_from_it_is_a_failure_of_its_own(transport: Collecting) -> None:
    def act(request: Any) -> None:
        try:
            raise PriceError("the price list of the supplier is empty")
        except PriceError as error:
            log.error("could not price: %s", str(error))
            raise LookupError("no order")  # noqa: B904 - the case

    PLACES["plain view"](act)

    assert sorted(kinds()) == ["LookupError", "PriceError"]
    assert occurrences() == 2


def in_place_of_it(request: Any) -> None:
    try:
        raise PriceError("the price list of the supplier is empty")
    except PriceError as error:
        log.error(f"could not price: {error}")
        raise LookupError("no order") from None


def in_place_of_it_with_its_traceback(request: Any) -> None:
    try:
        raise PriceError("the price list of the supplier is empty")
    except PriceError:
        log.exception("could not price")
        raise LookupError("no order") from None


def in_a_comprehension(request: Any) -> None:
    try:
        raise PriceError("the price list of the supplier is empty")
    except PriceError:
        _ = [log.error("no price for order %s", number) for number in (7,)]
        raise


def in_a_lambda(request: Any) -> None:
    try:
        raise PriceError("the price list of the supplier is empty")
    except PriceError:
        (lambda: log.error("an order without a price"))()  # noqa: PLC3002 - the case
        raise


def after_the_last_attempt(request: Any) -> None:
    last: Exception | None = None
    for _ in range(3):
        try:
            raise PriceError("the price list of the supplier is empty")
        except PriceError as error:
            last = error
    log.error(f"no price after three attempts: {last}")
    assert last is not None
    raise last


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "act",
    [
        in_place_of_it,
        in_place_of_it_with_its_traceback,
        in_a_comprehension,
        in_a_lambda,
        after_the_last_attempt,
    ],
)
def test_a_line_about_an_exception_is_one_with_it(
    transport: Collecting, act: Callable[[Any], None], place: str
) -> None:
    PLACES[place](act)

    assert (kinds(), event_kinds(transport)) == (["PriceError"], ["PriceError"])
    assert occurrences() == 1


def fails_in_a_helper(request: Any) -> None:
    def fall_back() -> None:
        _ = [log.error("disk %s is full", name) for name in ("sda",)]

    try:
        raise PriceError("the price list of the supplier is empty")
    except PriceError:
        fall_back()
        raise


def logs_something_else_while_it_keeps_it(request: Any) -> None:
    kept: Exception | None = None
    try:
        raise PriceError("the price list of the supplier is empty")
    except PriceError as error:
        kept = error
    log.error("disk sda is full")
    assert kept is not None
    raise kept


@pytest.mark.parametrize("act", [fails_in_a_helper, logs_something_else_while_it_keeps_it])
def test_a_line_that_says_nothing_of_it_stays_a_failure_of_its_own(
    transport: Collecting, act: Callable[[Any], None]
) -> None:
    PLACES["plain view"](act)

    assert sorted(kinds()) == ["PriceError", "message"]
    assert (len(transport.events), occurrences()) == (2, 2)


def test_a_line_after_the_handler_is_a_failure_of_its_own(transport: Collecting) -> None:
    PLACES["function"](handling(lambda error: None, "the price list of the supplier is empty", "go on"))
    log.error("the price list of the supplier is empty")

    assert kinds() == ["message"]


def test_a_note_of_a_lower_level_does_not_become_the_failure(transport: Collecting) -> None:
    PLACES["plain view"](
        handling(lambda error: sentry_sdk.capture_message("trying once more", level="info"), TEXTS["words"], "raise")
    )

    records = ErrorTracker.get_recent_errors()
    assert sorted((record["error_type"].rpartition(".")[2], record["severity"]) for record in records) == [
        ("PriceError", "ERROR"),
        ("message", "INFO"),
    ]


def test_what_a_line_says_beyond_a_recorded_exception_joins_its_record(transport: Collecting) -> None:
    PLACES["function"](handling(LINES["recorded before"], "the price list of the supplier is empty", "go on"))

    (record,) = ErrorTracker.get_recent_errors()
    assert record["context"]["message"] == "an order without a price"


def test_a_failed_clean_up_that_is_logged_is_a_second_failure(transport: Collecting) -> None:
    def clean_up(error: Exception) -> None:
        try:
            raise OSError("no way to remove the lock")
        except OSError:
            log.error("the lock stays")

    PLACES["plain view"](handling(clean_up, "the price list of the supplier is empty", "raise"))

    assert sorted(kinds()) == ["OSError", "PriceError"]
    assert sorted(event_kinds(transport)) == ["OSError", "PriceError"]


def test_a_line_in_a_nested_handler_that_quotes_the_outer_exception_is_the_outer_ones(transport: Collecting) -> None:
    def clean_up(error: Exception) -> None:
        try:
            raise OSError("no way to remove the lock")
        except OSError:
            log.error(f"clean-up failed after: {error}")

    PLACES["plain view"](handling(clean_up, "the price list of the supplier is empty", "raise"))

    assert kinds() == ["PriceError"]


@contextlib.contextmanager
def reported() -> Iterator[None]:
    try:
        yield
    except PriceError:
        log.error("an order without a price")
        raise


@pytest.mark.parametrize("manager", [Reporting, reported])
def test_a_line_of_a_context_manager_it_passes_is_its_own(transport: Collecting, manager: Any) -> None:
    def act(request: Any) -> None:
        with manager():
            raise PriceError("the price list of the supplier is empty")

    PLACES["plain view"](act)

    assert (kinds(), event_kinds(transport)) == (["PriceError"], ["PriceError"])


def test_a_line_in_finally_is_of_the_exception_that_passes(transport: Collecting) -> None:
    def act(request: Any) -> None:
        ended = False
        try:
            raise PriceError("the price list of the supplier is empty")
        finally:
            if not ended:
                log.error("an order without a price")

    PLACES["plain view"](act)

    assert (kinds(), event_kinds(transport)) == (["PriceError"], ["PriceError"])


def test_a_line_about_an_exception_group_is_the_groups(transport: Collecting) -> None:
    def act(request: Any) -> None:
        try:
            raise ExceptionGroup(
                "prices", [PriceError("the first list is empty"), PriceError("the second list is empty")]
            )
        except ExceptionGroup as group:
            for error in group.exceptions:
                log.error(f"could not price: {error}")
            raise

    PLACES["plain view"](act)

    assert (kinds(), occurrences()) == (["ExceptionGroup"], 1)


def test_an_exception_kept_and_raised_in_another_request_is_another_occurrence(transport: Collecting) -> None:
    error = PriceError("the price list of the supplier is empty")
    for number in range(2):
        with context.use(context.RunContext(request_id=f"request-{number}")):
            try:
                raise error
            except PriceError:
                log.error("could not price")

    assert occurrences() == 2


def test_a_line_of_a_task_that_is_retried_is_one_and_so_is_the_last_attempt(transport: Collecting) -> None:
    def prices(self: Any) -> None:
        try:
            raise PriceError(f"attempt {self.request.retries} found the price list empty")
        except PriceError as error:
            log.error(f"could not price: {error}")
            raise self.retry(exc=error, countdown=0) from error

    task = app.task(name="tests.retried_prices", bind=True, max_retries=1)(prices)
    try:
        with override_settings(CELERY_TASK_ALWAYS_EAGER=True):
            task.apply(throw=False)
    finally:
        app.tasks.pop(task.name)

    assert kinds() == ["PriceError", "PriceError"]


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_real_server_stores_one_event_a_failure(sentry_project: SentryProject) -> None:
    with override_settings(SENTRY_DSN=sentry_project.dsn):
        assert start_sentry()
        try:
            with sentry_sdk.isolation_scope():
                PLACES["plain view"](handling(LINES["text"], TEXTS["words"], "raise"))
                PLACES["DRF view"](handling(LINES["nothing of it"], TEXTS["nothing"], "raise from", Failure))
                assert probe_tasks.handles_then_fails.apply().state == "FAILURE"
                log.error("disk sda is full")
            sentry_sdk.flush(timeout=20)
            events = sentry_project.wait_for_events(4)
        finally:
            sentry_sdk.get_client().close(timeout=0)
            sentry_sdk.get_global_scope().set_client(None)

    told = sorted(event["exception"]["values"][-1]["type"] for event in events if "exception" in event)
    assert told == ["Failure", "KeyError", "PriceError"]
    assert (sentry_project.count(), occurrences()) == (4, 4)
