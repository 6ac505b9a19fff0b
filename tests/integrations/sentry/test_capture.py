"""What passes the gate reaches Sentry once: grouped as we group it, counted, scrubbed."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client, override_settings

from designs import context
from designs.exceptions import GeometryProcessingError
from designs.monitoring import ErrorTracker, guard
from tests.support.outage import REFUSED_URL
from tests.support.probe_views import doing, raising
from tests.support.secrets_table import IN_TEXT
from tests.support.sentry_capture import Collecting, transport

__all__ = ["transport"]


@pytest.fixture
def events(transport: Collecting) -> list[Any]:
    return transport.events


def caught(message: str = "broken") -> ValueError:
    try:
        raise ValueError(message)
    except ValueError as error:
        return error


def test_without_a_client_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrations.sentry.capture.event_from_exception", lambda *a, **k: pytest.fail("worked"))

    ErrorTracker.log_error(caught())


def test_an_event_is_grouped_and_tagged_as_its_record(events: list[Any]) -> None:
    run = context.RunContext(request_id="r" * 32, user_id="7", path="/api/x/", task="designs.scan")
    with context.use(run):
        record = ErrorTracker.log_error(caught(), {"a": 1}, source="http")

    (event,) = events
    assert event["event_id"] == record["event_id"]
    assert event["fingerprint"] == ["enginel", record["fingerprint"]]
    assert event["timestamp"] == record["timestamp"]
    assert event["tags"] == {
        "fingerprint": record["fingerprint"],
        "site": f"ValueError in {__name__}.caught",
        "enginel.occurrences": "1",
        "enginel.source": "http",
        "severity": "ERROR",
        "task": "designs.scan",
        "request_id": "r" * 32,
    }
    assert event["contexts"]["enginel"] == {
        "type": "enginel",
        "occurrences": 1,
        "suppressed": 0,
        "window_seconds": 300,
        "first_seen": record["timestamp"][:-4] + "000Z",
        "last_seen": record["timestamp"],
        "request_path": "/api/x/",
        "context": {"a": 1},
    }
    assert event["user"] == {"id": "7"}
    assert event["transaction"] == "designs.scan"
    assert (event["environment"], event["release"]) == ("staging", "1.2.3")
    (value,) = event["exception"]["values"]
    assert (value["type"], value["value"]) == ("ValueError", "broken")
    assert value["stacktrace"]["frames"][-1]["function"] == "caught"


def test_our_exceptions_name_their_code(events: list[Any]) -> None:
    ErrorTracker.log_error(GeometryProcessingError("x"))

    assert events[0]["tags"]["code"] == "geometry_processing_error"


@pytest.mark.parametrize(
    ("severity", "level"),
    [("DEBUG", "debug"), ("INFO", "info"), ("WARNING", "warning"), ("ERROR", "error"), ("CRITICAL", "fatal")],
)
def test_the_severity_is_the_level(events: list[Any], severity: str, level: str) -> None:
    ErrorTracker.log_error("x", severity=severity)

    assert events[0]["level"] == level


def test_a_message_is_sent_as_one(events: list[Any]) -> None:
    ErrorTracker.log_error("something odd", request_path="/x/")

    (event,) = events
    assert event["logentry"] == {"formatted": "something odd"}
    assert event["transaction"] == "/x/"
    assert "exception" not in event


def test_only_what_passes_the_gate_is_sent_with_the_exact_counts(events: list[Any]) -> None:
    for _ in range(100):
        ErrorTracker.log_error(caught())

    told = [event["contexts"]["enginel"] for event in events]
    assert [(one["occurrences"], one["suppressed"]) for one in told] == [(1, 0), (10, 8), (100, 89)]
    rates = [event["contexts"]["error_sampling"]["client_sample_rate"] for event in events]
    assert rates == [1, 1 / 9, 1 / 90]
    assert [event["tags"]["enginel.occurrences"] for event in events] == ["1", "10", "100"]


def test_a_failure_seen_by_two_hooks_is_sent_once(events: list[Any]) -> None:
    error = caught()
    ErrorTracker.log_error(error)
    ErrorTracker.log_error(error, {"again": True})

    assert len(events) == 1


@pytest.mark.urls("tests.urls")
@pytest.mark.parametrize("path", ["/api/probe/drf/", "/api/probe/plain/", "/api/probe/async/"])
def test_a_failing_request_is_sent_once(events: list[Any], path: str) -> None:
    with doing(raising(RuntimeError("broken"))):
        Client(raise_request_exception=False).get(path)

    (event,) = events
    assert event["tags"]["enginel.source"] == "http"
    assert event["transaction"] == path


@override_settings(REDIS_URL=REFUSED_URL)
def test_without_redis_this_process_decides_alone(events: list[Any]) -> None:
    for _ in range(12):
        ErrorTracker.log_error(caught())

    assert len(events) == 2


@pytest.mark.parametrize(("text", "secret"), IN_TEXT)
def test_no_secret_is_sent_not_even_of_a_chained_exception(events: list[Any], text: str, secret: str) -> None:
    try:
        try:
            raise KeyError(text)
        except KeyError as inner:
            raise RuntimeError(text) from inner
    except RuntimeError as error:
        error.add_note(text)
        ErrorTracker.log_error(error, {"note": text}, user_id=text, request_path=text)

    (event,) = events
    assert len(event["exception"]["values"]) == 2
    assert secret not in str(event).replace("\\\\", "\\").replace("\\n", "\n").replace('\\"', '"')


def test_no_secret_of_the_source_code_is_sent(events: list[Any]) -> None:
    def connect(**options: str) -> None:
        raise OSError("refused")

    try:
        connect(
            user="bob",
            password="hunter2",
        )
    except OSError as error:
        ErrorTracker.log_error(error)

    frames = events[0]["exception"]["values"][0]["stacktrace"]["frames"]
    sources = [str([frame["pre_context"], frame["context_line"], frame["post_context"]]) for frame in frames]
    assert "password=[filtered]" in sources[0]
    assert 'password="hunter2"' not in str(sources)


@pytest.mark.usefixtures("allow_swallowed")
def test_a_failing_sdk_costs_no_record(events: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("designs.monitoring.sentry.forwarding.forward_error", lambda *a, **k: 1 / 0)

    record = ErrorTracker.log_error(caught())

    assert record["event_id"] == ErrorTracker.get_recent_errors()[0]["event_id"]
    assert guard.swallowed == {"forward": 1}
