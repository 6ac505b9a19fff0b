"""Each recorded occurrence is told, pending or untold, and the three add up to all, whatever happens."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings
from freezegun import freeze_time

from designs.monitoring.errors.delivery_counts import REASONS, Account, account_of
from designs.monitoring.errors.keys import GROUP_PREFIX, PREFIX
from designs.monitoring.errors.store import ErrorStore, RecordResult
from designs.monitoring.fingerprint import fingerprint_message
from designs.monitoring.sentry import scrubber
from integrations.redis import redis_for
from tests.support.error_stores import NOON, raw, record, store
from tests.support.outage import REFUSED_URL
from tests.support.sentry_capture import transport

__all__ = ["store", "transport"]

NONE = dict.fromkeys(REASONS, 0)
KEY = fingerprint_message("a").key


def stands_for(outcomes: list[RecordResult]) -> int:
    return sum(outcome.represents for outcome in outcomes if outcome.forward)


def account(store: ErrorStore) -> Account:
    """Return the account, after it was held against the groups and the hash that outlives them."""
    found = account_of(store.totals())
    assert found.told + found.pending + sum(found.untold.values()) == found.recorded
    assert found.pending == sum(int(number) for number in raw("HVALS", f"{PREFIX}pending"))
    return found


def test_without_occurrences_all_are_zero() -> None:
    assert account_of({}) == Account(0, 0, 0, NONE)


@pytest.mark.usefixtures("transport")
def test_what_is_held_back_is_pending_until_the_next_event_stands_for_it(store: ErrorStore) -> None:
    with freeze_time(NOON) as clock:
        outcomes = [record(store, "a") for _ in range(50)]
        assert stands_for(outcomes) == 10
        assert account(store) == Account(50, 10, 40, NONE)

        clock.tick(timedelta(days=1))
        assert account(store) == Account(50, 10, 40, NONE)
        assert record(store, "a").represents == 41
        assert account(store) == Account(51, 51, 0, NONE)


@pytest.mark.usefixtures("transport")
def test_groups_say_what_is_pending_of_each(store: ErrorStore) -> None:
    for message in ("a", "a", "a", "b"):
        record(store, message)

    listed = {group["message"]: (group["forwarded"], group["pending"]) for group in store.groups()}
    assert listed == {"a": (1, 2), "b": (1, 0)}
    assert (store.group(KEY) or {})["pending"] == 2


def test_without_sentry_nothing_is_told(store: ErrorStore) -> None:
    for _ in range(12):
        record(store, "a")

    assert account(store) == Account(12, 0, 2, {**NONE, "sentry_off": 10})


@pytest.mark.usefixtures("transport")
def test_what_goes_with_its_group_for_want_of_room_is_counted(store: ErrorStore) -> None:
    with override_settings(ENGINEL_MAX_GROUPS=2), freeze_time(NOON) as clock:
        for message in "abcd":
            for _ in range(5):
                record(store, message)
            clock.tick(1)

    assert account(store) == Account(20, 4, 8, {**NONE, "group_evicted": 8})


@pytest.mark.usefixtures("transport")
@pytest.mark.parametrize("following", ["a", "b"], ids=["the same again", "another"])
def test_what_was_pending_of_a_group_that_expired_is_counted(store: ErrorStore, following: str) -> None:
    with freeze_time(NOON) as clock:
        for _ in range(5):
            record(store, "a")
        raw("DEL", GROUP_PREFIX + KEY)
        clock.tick(60)
        record(store, following)

    assert account(store) == Account(6, 2, 0, {**NONE, "group_expired": 4})
    assert raw("HLEN", f"{PREFIX}pending") == 0


@pytest.mark.usefixtures("transport")
def test_what_is_pending_is_remembered_as_long_as_the_totals(store: ErrorStore) -> None:
    with override_settings(ENGINEL_GROUP_SECONDS=5_000):
        record(store, "a")
        raw("EXPIRE", f"{PREFIX}totals", 77)
        record(store, "a")

    assert raw("TTL", f"{PREFIX}totals") == raw("TTL", f"{PREFIX}pending") == 10_000


@pytest.mark.usefixtures("transport")
def test_what_was_handed_over_and_told_is_not_told_again_in_the_next_outage(store: ErrorStore) -> None:
    with freeze_time(NOON) as clock:
        with override_settings(REDIS_URL=REFUSED_URL):
            outcomes = [record(store, "a") for _ in range(5)]
        store.drain()
        assert account(store) == Account(5, 1, 4, NONE)
        outcomes.append(record(store, "a"))
        assert outcomes[-1].represents == 5
        with override_settings(REDIS_URL=REFUSED_URL):
            clock.tick(1)
            outcomes += [record(store, "a") for _ in range(5)]
        store.drain()

    found = account(store)
    assert (found.recorded, found.told) == (11, stands_for(outcomes))


@pytest.mark.usefixtures("transport")
def test_a_decision_that_reached_nobody_is_taken_back(store: ErrorStore) -> None:
    """Redis recorded an occurrence and its answer was lost: what the process did instead counts."""
    with freeze_time(NOON) as clock:
        for _ in range(5):
            record(store, "a")
        clock.tick(301)
        send = store._send

        def unanswered(*args: object, **how: object) -> RecordResult:
            send(*args, **how)  # type: ignore[arg-type]
            pending = args[0]
            pending.slot, pending.maybe_recorded = slots[-1], True  # type: ignore[attr-defined]
            raise scrubber.RedisUnavailable("no answer", asked=True)

        slots = []
        acquire, release = store.slots.acquire, store.slots.release
        store.slots.acquire = lambda: slots.append(acquire()) or slots[-1]  # type: ignore[method-assign,func-returns-value]
        store.slots.release = lambda slot: None  # type: ignore[method-assign]
        store._send = unanswered  # type: ignore[method-assign]
        kept = record(store, "a")
        store._send, store.slots.release = send, release  # type: ignore[method-assign]
        assert (kept.state, kept.represents) == ("kept", 1)
        assert account(store) == Account(6, 6, 0, NONE)

        store.drain()

    assert account(store) == Account(6, 2, 4, NONE)


@pytest.mark.usefixtures("transport")
@pytest.mark.parametrize("gone", ["evicted", "expired"])
def test_a_decision_that_reached_nobody_is_taken_back_though_its_group_is_gone(
    store: ErrorStore, monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    gateway = redis_for(settings.REDIS_URL)
    answered = gateway.script

    def unanswered(*args: Any, **how: Any) -> None:
        answered(*args, **how)
        raise scrubber.RedisUnavailable("no answer", asked=True)

    with freeze_time(NOON) as clock, override_settings(ENGINEL_HAND_OVER_SECONDS=0):
        outcomes = [record(store, "a") for _ in range(5)]
        clock.tick(301)
        with monkeypatch.context() as patch:
            patch.setattr(gateway, "script", unanswered)
            outcomes.append(record(store, "a"))
        if gone == "evicted":
            with override_settings(ENGINEL_MAX_GROUPS=1):
                outcomes.append(record(ErrorStore(), "b"))
        else:
            raw("DEL", GROUP_PREFIX + KEY)
        store.drain()

        found = account(store)

    assert found.recorded == len(outcomes)
    assert found.told == stands_for(outcomes)
    assert found.pending + sum(found.untold.values()) == 4


@pytest.mark.usefixtures("transport")
@pytest.mark.parametrize("seed", range(12))
def test_events_stand_for_all_but_the_pending_over_processes_windows_and_outages(seed: int) -> None:
    chance = random.Random(seed)
    stores = [ErrorStore() for _ in range(3)]
    outcomes: list[RecordResult] = []
    count = 0
    with freeze_time(NOON) as clock, override_settings(ENGINEL_HAND_OVER_SECONDS=0):
        for _ in range(60):
            store = chance.choice(stores)
            many = chance.choice((1, 1, 4, 12))
            count += many
            if chance.random() < 0.4:
                with override_settings(REDIS_URL=REFUSED_URL):
                    outcomes += [record(store, "a") for _ in range(many)]
            else:
                outcomes += [record(store, "a") for _ in range(many)]
            if chance.random() < 0.3:
                chance.choice(stores).drain(chance.choice((1, 5, 50)))
            clock.tick(chance.choice((1, 30, 200)))
        for store in stores:
            while store.backlog:
                store.drain()

        found = account(stores[0])

    assert found.recorded == count
    assert found.told == stands_for(outcomes)
    assert found.pending == (stores[0].group(KEY) or {})["pending"] >= 0


def test_with_redis_away_there_is_no_account() -> None:
    with override_settings(REDIS_URL=REFUSED_URL):
        assert scrubber.sentry_account() is None
