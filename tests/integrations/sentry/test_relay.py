"""What we send, held against the normaliser that Sentry's own servers run: it finds nothing to complain about."""

from __future__ import annotations

from typing import Any

import pytest
import sentry_sdk

from tests.support.bugsink import SentryProject, bugsink, sentry_project
from tests.support.envelope_kinds import KINDS
from tests.support.sentry_capture import Collecting, serve, started, transport

__all__ = ["bugsink", "sentry_project", "transport"]

processing = pytest.importorskip("sentry_relay.processing", reason="sentry-relay has no wheel for this Python")

pytestmark = pytest.mark.urls("tests.urls")

EVENTS = [kind for kind in KINDS if kind != "check-in"]


def normalize(event: dict[str, Any]) -> dict[str, Any]:
    normalizer = processing.StoreNormalizer(
        project_id=1,
        protocol_version="7",
        max_secs_in_future=600,
        max_secs_in_past=2_592_000,
        enable_trimming=True,
        remove_other=True,
    )
    result: dict[str, Any] = normalizer.normalize_event(event)
    return result


def test_the_normaliser_sees_what_is_wrong() -> None:
    found = normalize({"level": "terrible", "tags": {"a": ""}, "unknown": 1, "logentry": {"formatted": "x"}})

    assert found["errors"]


@pytest.mark.parametrize("kind", EVENTS)
def test_an_event_is_as_sentry_wants_it(transport: Collecting, kind: str) -> None:
    KINDS[kind]()

    assert transport.events
    for event in transport.events:
        normal = normalize(event)
        assert normal.get("errors") is None
        # It cut nothing that tells the group.
        assert normal["fingerprint"] == event["fingerprint"]
        assert {name: value for name, value in normal["tags"] if name in event["tags"]} == event["tags"]
        told = event["contexts"]["enginel"]
        assert {name: normal["contexts"]["enginel"].get(name) for name in told} == told
        assert normal["contexts"]["error_sampling"]["client_sample_rate"] > 0


def test_a_transaction_is_as_sentry_wants_it() -> None:
    with started(ENGINEL_SENTRY_TRACES_SAMPLE_RATE=1.0) as transport:
        serve("/api/probe/plain/?token=hunter2")

    ((kind, transaction),) = transport.others
    assert kind == "transaction"
    assert normalize(transaction).get("errors") is None
    assert b"hunter2" not in b"".join(transport.raw)


def test_a_check_in_says_what_it_must(transport: Collecting) -> None:
    KINDS["check-in"]()

    ((kind, check_in),) = transport.others
    assert (kind, check_in["monitor_slug"], check_in["status"], check_in["duration"]) == (
        "check_in",
        "outbox",
        "ok",
        0.5,
    )


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_server_that_holds_to_the_schema_stores_every_kind(
    sentry_project: SentryProject, transport: Collecting
) -> None:
    for kind in EVENTS:
        KINDS[kind]()

    # Sent by a client that changes nothing more.
    plain = sentry_sdk.Client(dsn=sentry_project.dsn, default_integrations=False, auto_enabling_integrations=False)
    for event in transport.events:
        plain.capture_event(event)  # type: ignore[arg-type]
    plain.close(timeout=20)
    stored = sentry_project.wait_for_events(len(transport.events))
    assert {event["event_id"] for event in stored} == {event["event_id"] for event in transport.events}
    issues = {tuple(event["fingerprint"]) for event in transport.events}
    assert len(sentry_project.issues()) == len(issues)
