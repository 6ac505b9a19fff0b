"""An event is the scrubbed, bounded description of one occurrence."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, fields
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from django.test import override_settings
from freezegun import freeze_time
from hypothesis import given
from hypothesis import strategies as st

from designs.context import RunContext
from designs.exceptions import GeometryProcessingError
from designs.monitoring.errors.event import MAX_MESSAGE_CHARS, ErrorEvent, build_event
from designs.monitoring.timestamps import iso_utc
from tests.support.secrets_table import IN_TEXT

RUN = RunContext(request_id="r" * 32, user_id="7", method="GET", path="/api/x/", task="designs.scan")


class Hostile(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("no attributes")


@freeze_time("2026-01-31T12:00:00.5Z")
@override_settings(ENGINEL_RELEASE="1.2.3")
def test_an_event_says_what_where_and_to_whom() -> None:
    event = build_event(ValueError("broken"), RUN, context={"a": 1}, severity="warning", source="http")

    assert event.timestamp == "2026-01-31T12:00:00.500000Z"
    assert (event.error_type, event.error_message, event.severity) == ("ValueError", "broken", "WARNING")
    assert (event.user_id, event.request_path, event.request_id) == ("7", "/api/x/", "r" * 32)
    assert (event.task, event.release, event.source, event.context) == ("designs.scan", "1.2.3", "http", {"a": 1})
    assert len(event.event_id) == 32


def test_an_event_has_every_field_and_no_other() -> None:
    event = build_event("x", RUN)

    assert list(vars(event)) == [field.name for field in fields(ErrorEvent)]
    with pytest.raises(FrozenInstanceError):
        event.source = "another"  # type: ignore[misc]


def test_what_the_call_says_goes_before_what_runs() -> None:
    event = build_event("text", RUN, user_id=9, request_path="/other")

    assert (event.user_id, event.request_path, event.error_type) == (9, "/other", "message")


def test_what_nobody_knows_is_none() -> None:
    event = build_event(ValueError(), RunContext())

    assert event.user_id is None
    assert event.request_path is None


@pytest.mark.parametrize("severity", ["", "FATALITY", "warned", None, 5, ["ERROR"], "error\n"])
def test_an_unknown_severity_is_error(severity: Any) -> None:
    assert build_event("x", RUN, severity=severity).severity == "ERROR"


@pytest.mark.parametrize(("context", "stored"), [("text", "text"), ([1, 2], [1, 2]), (0, 0), (b"ab", "<2 bytes>")])
def test_a_context_that_is_no_mapping_stands_under_value(context: Any, stored: Any) -> None:
    assert build_event("x", RUN, context=context).context == {"value": stored}


def test_details_of_our_exceptions_join_the_context() -> None:
    error = GeometryProcessingError("x", details={"stage": "transfer", "token": "hunter2"})

    assert build_event(error, RUN, context={"a": 1}).context == {
        "a": 1,
        "details": {"stage": "transfer", "token": "[filtered]"},
    }
    assert build_event(error, RUN, context={"details": "own"}).context == {"details": "own"}


def test_a_hostile_exception_is_described_all_the_same() -> None:
    event = build_event(Hostile(), RUN)

    assert event.error_type == "Hostile"
    assert "raised RuntimeError" in event.error_message


@pytest.mark.parametrize(("text", "secret"), IN_TEXT)
def test_no_field_keeps_a_secret(text: str, secret: str) -> None:
    run = RunContext(path=f"/{text}", user_id=text)
    for given_fields in ({}, {"user_id": text, "request_path": text}):
        event = build_event(ValueError(text), run, context={"note": text}, **given_fields)
        assert secret not in event.as_json().replace("\\n", "\n").replace('\\"', '"')


def test_a_long_message_is_cut() -> None:
    assert len(build_event("x" * 10**6, RUN).error_message) <= MAX_MESSAGE_CHARS + 40


def test_a_context_that_breaks_the_limit_is_left_out_and_says_so() -> None:
    event = build_event("x", RUN, context={f"k{n}": "漢" * 4000 for n in range(12)})

    with override_settings(ENGINEL_MAX_EVENT_BYTES=65_536):
        text = event.as_json()
    assert len(text) <= 65_536
    assert "left out" in json.loads(text)["context"]["[cut]"]


def test_a_big_context_of_plain_text_stays_in_part() -> None:
    event = build_event("x", RUN, context={f"k{n}": "x" * 100_000 for n in range(100)})

    stored = json.loads(event.as_json())["context"]
    assert stored["k0"].startswith("xxxx")
    assert stored["k99"] == "[cut]"


@given(st.datetimes(timezones=st.timezones(), min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1)))  # noqa: DTZ001
def test_moments_read_the_same_in_every_zone(moment: datetime) -> None:
    assert datetime.fromisoformat(iso_utc(moment)) == moment.astimezone(UTC)
    assert iso_utc(moment).endswith("Z")


def test_a_moment_east_of_greenwich() -> None:
    assert iso_utc(datetime(2026, 1, 31, 1, tzinfo=timezone(timedelta(hours=2)))) == "2026-01-30T23:00:00.000000Z"
