"""The transport delivers at once when it can, keeps what it cannot, and tells replay what to do with it."""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime

import pytest
import sentry_sdk
from django.conf import settings

from integrations.redis import redis_for
from integrations.sentry import configure, delivery_status, replay_outbox
from integrations.sentry import transport as module
from integrations.sentry.outbox.stream import Outbox
from integrations.sentry.transport import OutboxTransport
from tests.support.faulty_sentry import FaultySentry
from tests.support.outage import REFUSED_URL
from tests.support.outbox_transport import capture, sdk, sentry, spool_dir, store, transport
from tests.support.stack import wait_for

__all__ = ["sentry", "spool_dir", "store", "transport"]


def ids(server: FaultySentry) -> list[str]:
    return [event["event_id"] for event in server.events()]


def settled(store: Outbox) -> bool:
    return bool(store.facts()["depth"] == 0)


def failed_once(store: Outbox) -> bool:
    return store.facts()["remote"].get("reachable") == "0"


def test_a_healthy_sentry_gets_an_event_at_once_and_nothing_stays(
    transport: OutboxTransport, store: Outbox, sentry: FaultySentry
) -> None:
    event_id = capture()

    wait_for(lambda: store.facts()["totals"].get("accepted") == 1)
    assert ids(sentry) == [event_id]
    status = delivery_status()
    assert (status["reachable"], status["outbox_depth"], status["dropped"], status["store"]) == (True, 0, {}, "ok")
    assert replay_outbox().state == "empty"
    assert ids(sentry) == [event_id]


def test_an_event_is_kept_before_it_is_sent(
    transport: OutboxTransport, store: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport._worker, "submit", lambda job: True)

    capture()

    assert store.facts()["depth"] == 1
    # It is this process's to send.
    assert replay_outbox().state == "empty"


@pytest.mark.parametrize("status", [500, 502, 503, 401, 403, 404, 301])
def test_what_is_refused_for_now_is_kept_and_replayed(
    transport: OutboxTransport, store: Outbox, sentry: FaultySentry, status: int
) -> None:
    sentry.fail_with(status)
    first = capture("first")
    wait_for(lambda: failed_once(store))
    second = capture("second")
    assert replay_outbox().state == "refused"

    sentry.fail(None)
    result = replay_outbox()

    assert (result.state, result.sent) == ("empty", 2)
    assert ids(sentry) == [first, second]
    assert delivery_status()["dropped"] == {}


def test_replay_stops_at_the_first_refusal(
    transport: OutboxTransport, store: Outbox, sentry: FaultySentry, monkeypatch: pytest.MonkeyPatch
) -> None:
    sentry.fail_with(500)
    capture()
    wait_for(lambda: failed_once(store))
    for _ in range(3):
        capture()
    asked = sentry.asked

    result = replay_outbox()

    assert (result.state, result.why, sentry.asked) == ("refused", "status_500", asked + 1)


@pytest.mark.parametrize("status", [400, 413])
def test_what_is_refused_for_good_is_a_dead_letter(
    transport: OutboxTransport, store: Outbox, sentry: FaultySentry, status: int
) -> None:
    sentry.fail_with(status)
    event_id = capture()

    wait_for(lambda: store.facts()["dead"] == 1)
    assert [letter["event_id"] for letter in store.dead_letters()] == [event_id]
    assert settled(store)
    assert delivery_status()["dropped"] == {f"status_{status}": 1}


def test_replay_goes_on_after_a_dead_letter(transport: OutboxTransport, store: Outbox, sentry: FaultySentry) -> None:
    sentry.fail_with(500)
    capture("bad")
    wait_for(lambda: failed_once(store))
    good = capture("good")
    sentry.fail(lambda handler: handler.answer(400))
    answers = iter([400])

    def once(handler: object) -> None:
        sentry.fail(None)
        handler.answer(next(answers))  # type: ignore[attr-defined]

    sentry.fail(once)
    result = replay_outbox()

    assert (result.sent, result.dead, ids(sentry)) == (1, 1, [good])


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {"Retry_After": "40"}, 40),
        (429, {"X_Sentry_Rate_Limits": "50:error:organization"}, 50),
        (429, {"X_Sentry_Rate_Limits": "50::organization"}, 50),
        (429, {}, 60),
        (429, {"Retry_After": "nonsense"}, 60),
        (429, {"X_Sentry_Rate_Limits": "nonsense"}, 60),
        (429, {"X_Sentry_Rate_Limits": f"{'9' * 30}:error:organization"}, 60),
        (503, {"Retry_After": "30"}, 30),
    ],
)
def test_a_rate_limit_holds_live_and_replay_back(
    transport: OutboxTransport, store: Outbox, sentry: FaultySentry, status: int, headers: dict[str, str], seconds: int
) -> None:
    sentry.fail_with(status, **headers)
    capture()
    wait_for(lambda: failed_once(store))
    sentry.fail(None)
    capture()

    assert replay_outbox().state == "limited"
    assert sentry.asked == 1
    facts = delivery_status()
    until = datetime.fromisoformat(facts["rate_limited_until"]).timestamp()
    assert until == pytest.approx(time.time() + seconds, abs=6)
    assert (facts["outbox_depth"], facts["dropped"]) == (2, {})


def test_a_limit_for_other_things_does_not_hold_errors_back(
    transport: OutboxTransport, store: Outbox, sentry: FaultySentry
) -> None:
    sentry.fail(lambda handler: (sentry.keep(b"{}\n"), handler.answer(200, X_Sentry_Rate_Limits="60:transaction:org")))
    capture()
    wait_for(lambda: settled(store))

    assert delivery_status()["rate_limited_until"] is None


def test_a_replayed_event_has_its_own_id_and_time_and_a_new_sent_at(
    transport: OutboxTransport, store: Outbox, sentry: FaultySentry
) -> None:
    sentry.fail_with(500)
    event_id = sentry_sdk.capture_event({"message": "m", "timestamp": "2026-01-01T00:00:00.000000Z"})
    wait_for(lambda: failed_once(store))
    sentry.fail(None)
    began = datetime.now(UTC)

    replay_outbox()

    (envelope,) = sentry.envelopes()
    (event,) = sentry.events()
    assert event["event_id"] == event_id
    assert event["timestamp"] == "2026-01-01T00:00:00.000000Z"
    assert datetime.fromisoformat(envelope.headers["sent_at"]) >= began


def test_an_event_that_replay_has_taken_is_not_sent_from_the_queue(
    transport: OutboxTransport, store: Outbox, sentry: FaultySentry
) -> None:
    gate, held = threading.Event(), threading.Event()

    def hold() -> None:
        held.set()
        gate.wait(20)

    transport._worker.submit(hold)
    assert held.wait(20)
    configure(settings.REDIS_URL, lease_seconds=0.05)
    event_id = capture()
    result = wait_for(lambda: (result := replay_outbox()).sent and result)
    gate.set()
    transport.flush(10)

    assert result.sent == 1
    assert ids(sentry) == [event_id]


def test_the_queue_a_fork_copied_is_the_parents_to_send(
    transport: OutboxTransport, store: Outbox, sentry: FaultySentry, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = []
    monkeypatch.setattr(transport._worker, "submit", lambda job: kept.append(job) or True)
    event_id = capture()
    pid = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: pid + 1)
    kept[0]()
    assert ids(sentry) == []
    monkeypatch.setattr(os, "getpid", lambda: pid)
    kept[0]()

    assert ids(sentry) == [event_id]


def test_a_full_queue_leaves_events_to_replay_and_room_for_check_ins(store: Outbox, sentry: FaultySentry) -> None:
    with sdk(sentry.dsn, transport_queue_size=10) as transport:
        gate, held = threading.Event(), threading.Event()

        def hold() -> None:
            held.set()
            gate.wait(20)

        transport._worker.submit(hold)
        assert held.wait(20)
        for number in range(30):
            capture(f"event {number}")
        sentry_sdk.crons.capture_checkin(monitor_slug="nightly", status="ok")
        gate.set()
        transport.flush(20)
        replay_outbox()

        assert len(set(ids(sentry))) == len(ids(sentry)) == 30
        assert len(sentry.items("check_in")) == 1
        assert delivery_status()["dropped"] == {}


def test_a_check_in_passes_while_errors_are_limited(
    transport: OutboxTransport, store: Outbox, sentry: FaultySentry
) -> None:
    sentry.fail(lambda handler: handler.answer(429, X_Sentry_Rate_Limits="60:error:org"), events_only=True)
    capture()
    wait_for(lambda: failed_once(store))

    sentry_sdk.crons.capture_checkin(monitor_slug="nightly", status="ok")

    wait_for(lambda: "check_in" in sentry.kinds())


def test_a_lost_check_in_is_counted(transport: OutboxTransport, store: Outbox, sentry: FaultySentry) -> None:
    sentry.fail_with(500)
    sentry_sdk.crons.capture_checkin(monitor_slug="nightly", status="ok")

    wait_for(lambda: delivery_status()["dropped"] == {"network_error": 1})


def test_a_dead_sentry_costs_one_attempt_and_not_one_an_event(
    transport: OutboxTransport, store: Outbox, sentry: FaultySentry
) -> None:
    sentry.fail_with(500)
    capture()
    wait_for(lambda: failed_once(store))
    for _ in range(10):
        capture()
    transport.flush(10)

    assert sentry.asked == 1
    assert store.facts()["depth"] == 11


def test_without_an_outbox_it_sends_as_the_sdk_does_and_counts_what_is_lost(sentry: FaultySentry) -> None:
    configure()
    with sdk(sentry.dsn) as transport:
        event_id = capture()
        wait_for(lambda: ids(sentry) == [event_id])
        sentry.fail_with(500)
        capture()

        wait_for(lambda: delivery_status()["dropped"] == {"status_500": 1})
        transport.flush(1)


def test_without_sentry_there_is_nothing_to_replay(store: Outbox) -> None:
    assert replay_outbox().state == "off"


def test_while_redis_is_away_nothing_is_replayed_and_the_facts_say_so(
    transport: OutboxTransport, store: Outbox
) -> None:
    configure(REFUSED_URL)
    redis_for(REFUSED_URL).close_breaker()

    assert replay_outbox().state == "away"
    status = delivery_status()
    assert (status["store"], status["outbox_depth"], status["reachable"]) == ("away", 0, None)


def test_replay_ends_when_its_time_is_over(transport: OutboxTransport, store: Outbox, sentry: FaultySentry) -> None:
    assert replay_outbox(seconds=0).state == "time"


def test_permanent_refusals_are_few(sentry: FaultySentry) -> None:
    assert not module.PERMANENT & {401, 403, 404, 408, 429, 500, 502, 503, 504}
