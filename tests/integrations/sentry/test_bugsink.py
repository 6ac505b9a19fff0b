"""The server that tests take for Sentry does what they count on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sentry_sdk

from tests.support.bugsink import SentryProject, bugsink, sentry_project

__all__ = ["bugsink", "sentry_project"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture
def client(sentry_project: SentryProject) -> Iterator[sentry_sdk.Client]:
    client = sentry_sdk.Client(dsn=sentry_project.dsn, default_integrations=False, auto_enabling_integrations=False)
    yield client
    client.close(timeout=5)


def send(client: sentry_sdk.Client, message: str, **event: Any) -> None:
    client.capture_event({"level": "error", "logentry": {"formatted": message}, **event})  # type: ignore[typeddict-item]
    client.flush(timeout=10)


def test_events_of_one_fingerprint_are_one_issue(client: sentry_sdk.Client, sentry_project: SentryProject) -> None:
    for message, key in (("a", "1"), ("b", "1"), ("c", "2")):
        send(client, message, fingerprint=["enginel", key])

    sentry_project.wait_for_events(3)
    assert [issue["digested_event_count"] for issue in sentry_project.issues()] == [2, 1]
    first = sentry_project.events(sentry_project.issues()[0])
    assert [event["data"]["fingerprint"] for event in first] == [["enginel", "1"]] * 2


def test_an_event_that_comes_twice_is_stored_once(client: sentry_sdk.Client, sentry_project: SentryProject) -> None:
    for message in ("a", "a"):
        send(client, message, event_id="0" * 31 + "1")
    send(client, "b")

    sentry_project.wait_for_events(2)
    assert min(event["event_id"] for event in sentry_project.data()) == "0" * 31 + "1"
    assert sentry_project.count() == 2


def test_a_wrong_event_is_not_stored(client: sentry_sdk.Client, sentry_project: SentryProject) -> None:
    send(client, "wrong", level="terrible")
    send(client, "right")

    (event,) = sentry_project.wait_for_events(1)
    assert event["logentry"]["formatted"] == "right"


def test_projects_know_nothing_of_each_other(sentry_project: SentryProject) -> None:
    assert sentry_project.issues() == []
