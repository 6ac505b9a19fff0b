"""What the gate holds back within a window is told once after it: one summary a group, from an earlier event of it."""

from __future__ import annotations

import json
import zlib
from datetime import timedelta
from typing import Any

import pytest
import sentry_sdk
from django.test import override_settings
from django.utils import timezone
from freezegun import freeze_time

from designs.monitoring import ErrorTracker, errors, send_window_summaries, sending
from designs.monitoring.groups import GROUP_PREFIX
from designs.tasks_monitoring import send_window_summaries as task
from tests.outage import REFUSED_URL
from tests.sentry_capture import Collecting, transport

__all__ = ["transport"]


def fail() -> None:
    secret_part = "of a local"  # noqa: F841
    raise ValueError("broken")


def storm(count: int = 25) -> None:
    for number in range(count):
        try:
            fail()
        except ValueError as error:
            ErrorTracker.log_error(error, {"number": number}, user_id=5, request_path="/x/")


def after_the_window() -> Any:
    return freeze_time(timezone.now() + timedelta(seconds=301), tick=True)


def test_a_summary_joins_the_group_and_holds_what_was_held_back(transport: Collecting) -> None:
    storm()
    (first, _) = list(transport.events)
    with after_the_window():
        assert send_window_summaries() == 1

    summary = transport.events[-1]
    assert len(transport.events) == 3
    assert summary["fingerprint"] == first["fingerprint"]
    assert summary["event_id"] not in {event["event_id"] for event in transport.events[:-1]}
    told = summary["contexts"]["enginel"]
    assert (told["occurrences"], told["suppressed"]) == (25, 15)
    assert told["first_seen"] <= told["last_seen"] == summary["timestamp"]
    assert summary["contexts"]["error_sampling"]["client_sample_rate"] == 1 / 15
    assert summary["tags"]["enginel.source"] == "summary"
    assert summary["tags"]["site"] == first["tags"]["site"]
    assert summary["level"] == first["level"]


def test_it_has_the_stack_of_an_earlier_event_and_nothing_of_one_occurrence(transport: Collecting) -> None:
    storm()
    with after_the_window():
        send_window_summaries()

    first, summary = transport.events[0], transport.events[-1]
    (value,) = summary["exception"]["values"]
    frames = first["exception"]["values"][0]["stacktrace"]["frames"]
    assert (value["type"], value["value"]) == ("ValueError", "broken")
    assert [frame["function"] for frame in value["stacktrace"]["frames"]] == [frame["function"] for frame in frames]
    assert all("vars" not in frame for frame in value["stacktrace"]["frames"])
    assert "context" not in summary["contexts"]["enginel"]
    assert not {"user", "request"} & set(summary)
    assert summary["breadcrumbs"] == {"values": []}


def test_each_window_is_told_once(transport: Collecting) -> None:
    storm()
    with after_the_window():
        assert [send_window_summaries(), send_window_summaries()] == [1, 0]


def test_what_has_been_told_needs_no_summary(transport: Collecting) -> None:
    storm(10)
    with after_the_window():
        assert send_window_summaries() == 0


def test_all_that_was_told_is_all_there_was(transport: Collecting) -> None:
    storm(137)
    with after_the_window():
        send_window_summaries()

    rates = [event["contexts"]["error_sampling"]["client_sample_rate"] for event in transport.events]
    assert round(sum(1 / rate for rate in rates)) == 137


def test_a_group_of_lines_of_the_log_has_summaries_too(transport: Collecting) -> None:
    for number in range(5):
        sentry_sdk.capture_message(f"disk {number} is full", level="error")
    with after_the_window():
        assert send_window_summaries() == 1

    assert transport.events[-1]["logentry"] == {"formatted": "disk 0 is full"}


def test_without_a_template_it_tells_type_and_message(transport: Collecting) -> None:
    storm()
    key = transport.events[0]["fingerprint"][1]
    errors.store.redis.run(lambda client: client.hdel(GROUP_PREFIX + key, "template"))
    with after_the_window():
        send_window_summaries()

    assert transport.events[-1]["exception"] == {"values": [{"type": "ValueError", "value": "broken"}]}
    assert transport.events[-1]["fingerprint"] == ["enginel", key]


def test_the_template_goes_with_its_group_and_is_small(transport: Collecting) -> None:
    storm()
    key = transport.events[0]["fingerprint"][1]
    packed = errors.store.templates([key])[0]

    assert packed is not None
    assert len(packed) < 4_096
    assert "ValueError" in json.dumps(json.loads(zlib.decompress(packed)))
    assert errors.store.redis.run(lambda client: client.ttl(GROUP_PREFIX + key)) > 0


def test_a_group_that_is_gone_is_not_made_again(transport: Collecting) -> None:
    sending.keep_template("1:" + "0" * 32, {"exception": {"values": []}})

    assert ErrorTracker.get_groups() == []
    assert errors.store.redis.run(lambda client: client.exists(GROUP_PREFIX + "1:" + "0" * 32)) == 0


def test_one_that_is_too_large_is_not_kept(transport: Collecting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "MAX_TEMPLATE_BYTES", 10)
    storm(1)

    assert errors.store.templates([transport.events[0]["fingerprint"][1]]) == [None]


@override_settings(REDIS_URL=REFUSED_URL)
def test_without_redis_there_is_none(transport: Collecting) -> None:
    storm(3)

    assert send_window_summaries() == 0


def test_without_sentry_what_is_due_stays_due() -> None:
    storm()
    with after_the_window():
        assert send_window_summaries() == 0
        assert len(errors.store.due_summaries()) == 1


def test_the_task_of_beat_sends_them(transport: Collecting) -> None:
    storm()
    with after_the_window():
        assert task.delay().get() == 1
