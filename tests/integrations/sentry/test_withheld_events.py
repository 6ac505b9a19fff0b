"""Whatever code puts into the SDK's scopes and events, what concerns a controlled design leaves with ids only."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import sentry_sdk
from sentry_sdk.crons import capture_checkin

from designs import context
from tests.support.sentry_capture import Collecting, started

MARKER = "zqx_Marker_7341.step"
NAMES = ("code", "site", "task", "severity", "runtime", "server_name", "celery_task_id", "fingerprint", "request_id")
CONTEXTS = ("device", "os", "runtime", "profile", "enginel", "error_sampling")


@pytest.fixture
def heard(redis_is_ours: None) -> Iterator[Collecting]:
    with started(ENGINEL_SENTRY_TRACES_SAMPLE_RATE=1.0) as transport:
        context.start(context.RunContext())
        context.set_controlled()
        yield transport
        context.start(context.RunContext())


def fill_scope() -> None:
    scope = sentry_sdk.get_isolation_scope()
    for name in NAMES:
        scope.set_tag(name, MARKER)
    for name in CONTEXTS:
        scope.set_context(name, {"name": MARKER, "version": MARKER})


def scope_of_an_error() -> None:
    fill_scope()
    sentry_sdk.capture_exception(ValueError(MARKER))


def scope_of_a_transaction() -> None:
    fill_scope()
    with sentry_sdk.start_transaction(name="designs.work", op="task"):
        pass


def name_of_a_transaction() -> None:
    for name in (MARKER, f"weld/{MARKER}", f"/{MARKER}"):
        with sentry_sdk.start_transaction(name=name, op="task"):
            pass


def words_of_a_span() -> None:
    with (
        sentry_sdk.start_transaction(name="designs.work", origin=MARKER) as whole,
        sentry_sdk.start_span(op=MARKER, name=MARKER, origin=MARKER) as span,
    ):
        span.set_status(MARKER)
        whole.set_status(MARKER)


def parts_of_an_event() -> None:
    own = ("culprit", "site", "release", "dist", "environment", "server_name", "checksum", "platform_details")
    sentry_sdk.capture_event({"level": "error", "message": MARKER, **dict.fromkeys(own, MARKER)})  # type: ignore[typeddict-item]
    sentry_sdk.capture_event({"message": "m", "measurements": {MARKER: {"value": 1}}, "sdk": {"name": MARKER}})


def check_in() -> None:
    capture_checkin(monitor_slug=MARKER, status="ok", monitor_config={"schedule": MARKER})  # type: ignore[typeddict-unknown-key]


@pytest.mark.parametrize(
    "say",
    [scope_of_an_error, scope_of_a_transaction, name_of_a_transaction, words_of_a_span, parts_of_an_event, check_in],
)
def test_what_is_sent_of_a_controlled_design_holds_no_name(heard: Collecting, say: Callable[[], None]) -> None:
    say()

    assert heard.raw
    assert [raw for raw in heard.raw if MARKER.encode() in raw] == []


def test_what_the_service_says_of_the_event_stays(heard: Collecting) -> None:
    fill_scope()
    sentry_sdk.capture_exception(ValueError(MARKER))
    with sentry_sdk.start_transaction(name="/api/designs/{id}/", op="http.server"):
        pass
    with sentry_sdk.start_transaction(name="designs.tasks.scan_2", op="task"):
        pass
    capture_checkin(monitor_slug="look-for-lost-designs", status="ok")

    event = heard.events[0]
    assert event["tags"]["severity"] == "ERROR"
    assert event["tags"]["fingerprint"].startswith("1:")
    assert event["contexts"]["enginel"]["occurrences"] == 1
    assert event["release"] == "1.2.3"
    assert [item["transaction"] for kind, item in heard.others if kind == "transaction"] == [
        "/api/designs/{id}/", "designs.tasks.scan_2",
    ]  # fmt: skip
    assert [item["monitor_slug"] for kind, item in heard.others if kind == "check_in"] == ["look-for-lost-designs"]
