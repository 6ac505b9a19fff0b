"""Groups over time: minutes, users, states, relations."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings
from freezegun import freeze_time

from designs.context import RunContext
from designs.monitoring import ErrorTracker
from designs.monitoring.errors.event import build_event
from designs.monitoring.errors.keys import PREFIX
from designs.monitoring.errors.store import ErrorStore, RecordResult
from designs.monitoring.fingerprint import Fingerprint, fingerprint_message
from integrations.redis import redis_for
from tests.support.outage import REFUSED_URL

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
KEY = fingerprint_message("a").key


@pytest.fixture
def store() -> ErrorStore:
    return ErrorStore()


def record(store: ErrorStore, message: str = "a", *, traceback: str = "", **facts: Any) -> RecordResult:
    return store.record(build_event(message, RunContext(), **facts), fingerprint_message(message), traceback=traceback)


def group(store: ErrorStore, key: str = KEY) -> dict[str, Any]:
    found = store.group(key)
    assert found is not None
    return found


def raw(command: str, *args: Any) -> Any:
    return redis_for(settings.REDIS_URL).run(lambda client: client.execute_command(command, *args))


class TestOneGroup:
    def test_it_tells_all(self, store: ErrorStore) -> None:
        with freeze_time(NOON) as clock:
            record(store, traceback="the stack", user_id=1)
            clock.tick(90)
            record(store, user_id=2)
            found = group(store)

        assert (found["total"], found["users"], found["state"], found["forwarded"]) == ("2", 2, "new", 1)
        assert found["first_seen"] == "2026-01-31T12:00:00.000000Z"
        assert found["last_seen"] == "2026-01-31T12:01:30.000000Z"
        assert found["why"] == ["message", "", "a"]
        assert found["traceback"] == "the stack"
        assert found["minutes"] == [["2026-01-31T12:00:00.000000Z", 1], ["2026-01-31T12:01:00.000000Z", 1]]
        assert found["related"] == []

    def test_an_unknown_one_is_none(self, store: ErrorStore) -> None:
        assert store.group("1:unknown") is None
        assert ErrorTracker.get_group("1:unknown") is None
        assert not store.resolve("1:unknown")
        assert raw("DBSIZE") == 0

    def test_it_is_found_by_its_aliases(self, store: ErrorStore) -> None:
        fingerprint = Fingerprint("1:a", "1", ("a",), ("1:x", "1:y"), "site")
        event = build_event("x", RunContext())
        store.record(event, fingerprint, describe=False)
        assert store.group("1:x") is None
        store.merge(event.event_id, fingerprint, None, describe=event)

        for key in ("1:a", "1:x", "1:y"):
            assert group(store, key)["fingerprint"] == "1:a"
        assert group(store, "1:x")["aliases"] == ["1:x", "1:y"]

    def test_an_alias_stays_with_the_group_that_had_it_first(self, store: ErrorStore) -> None:
        for key in ("1:a", "1:b"):
            store.record(build_event("x", RunContext()), Fingerprint(key, "1", (key,), ("1:x",), "site"))

        assert group(store, "1:x")["fingerprint"] == "1:a"

    def test_aliases_go_with_their_group(self, store: ErrorStore) -> None:
        with freeze_time(NOON) as clock, override_settings(ENGINEL_MAX_GROUPS=2):
            for name in "abc":
                clock.tick(2)
                fingerprint = Fingerprint(f"1:{name}", "1", (name,), (f"1:alias-{name}",), "site")
                store.record(build_event("x", RunContext()), fingerprint)

        assert store.group("1:alias-a") is None
        assert raw("HLEN", f"{PREFIX}aliases") == 2

    @override_settings(REDIS_URL=REFUSED_URL)
    def test_without_redis_there_is_none(self) -> None:
        assert ErrorTracker.get_group(KEY) is None
        assert ErrorTracker.get_groups(5) == []
        assert ErrorTracker.resolve_group(KEY) is False

    def test_the_list_is_limited(self, store: ErrorStore) -> None:
        for message in "abc":
            record(store, message)

        assert [len(ErrorTracker.get_groups(limit)) for limit in (None, 0, 1, 2, 9)] == [3, 0, 1, 2, 3]

    def test_groups_of_one_site_know_each_other(self, store: ErrorStore) -> None:
        prints = [Fingerprint(f"1:{name}", 1, (name,), (), "ValueError at one.place") for name in "abc"]
        for fingerprint in [*prints, Fingerprint("1:d", 1, ("d",), (), "elsewhere")]:
            store.record(build_event("x", RunContext()), fingerprint)

        assert {other["fingerprint"] for other in group(store, "1:a")["related"]} == {"1:b", "1:c"}
        assert group(store, "1:d")["related"] == []

    def test_the_relations_are_bounded(self, store: ErrorStore) -> None:
        for number in range(60):
            store.record(build_event("x", RunContext()), Fingerprint(f"1:{number}", 1, (), (), "one.place"))

        assert len(group(store, "1:59")["related"]) == 49

    def test_a_group_that_lost_its_facts_is_described_again(self) -> None:
        ErrorTracker.log_error("a")
        raw("FLUSHDB")
        ErrorTracker.log_error("a")

        (found,) = ErrorTracker.get_groups()
        assert (found["type"], found["message"]) == ("message", "a")

    def test_what_leaves_for_want_of_room_leaves_nothing_behind(self, store: ErrorStore) -> None:
        with override_settings(ENGINEL_MAX_GROUPS=2, ENGINEL_RING_SIZE=2), freeze_time(NOON) as clock:
            for message in "abcdef":
                record(store, message, user_id=message)
                record(store, message)
                clock.tick(1)

        assert len(raw("KEYS", f"{PREFIX}group:*")) == len(raw("KEYS", f"{PREFIX}users:*")) == 2
        assert len(raw("KEYS", f"{PREFIX}held:*")) == 2
        assert raw("HLEN", f"{PREFIX}pending") == 2


class TestMinutes:
    def test_late_ones_count_in_their_own_minute(self, store: ErrorStore) -> None:
        with freeze_time(NOON) as clock:
            late = build_event("a", RunContext())
            clock.tick(300)
            record(store)
            store.record(late, fingerprint_message("a"))
            found = group(store)

        assert [count for _, count in found["minutes"]] == [1, 1]
        assert found["first_seen"] == "2026-01-31T12:00:00.000000Z"
        assert found["last_seen"] == "2026-01-31T12:05:00.000000Z"

    def test_a_day_is_kept_and_bounded(self, store: ErrorStore) -> None:
        minutes = 3_100
        with freeze_time(NOON) as clock:
            for _ in range(minutes):
                record(store)
                clock.tick(60)
            found = group(store)

        assert sum(count for _, count in found["minutes"]) == 1_439
        assert raw("HSTRLEN", f"{PREFIX}group:{KEY}", "minutes") <= 24_000
        assert found["total"] == str(minutes)


class TestStates:
    def test_a_new_group_becomes_an_ongoing_one(self, store: ErrorStore) -> None:
        with freeze_time(NOON) as clock:
            record(store)
            clock.tick(301)
            record(store)

        assert group(store)["state"] == "ongoing"

    def test_what_was_resolved_and_happens_again_is_a_regression_and_passes(self, store: ErrorStore) -> None:
        with freeze_time(NOON) as clock:
            for _ in range(5):
                record(store)
            assert store.resolve(KEY)
            assert group(store)["state"] == "resolved"
            clock.tick(1)
            again, more = record(store), record(store)

        assert (again.is_regressed, again.forward, again.represents) == (True, True, 5)
        assert (more.is_regressed, more.forward) == (False, False)
        assert group(store)["state"] == "regressed"

    def test_what_happened_before_it_was_resolved_does_not_reopen_it(self, store: ErrorStore) -> None:
        with freeze_time(NOON) as clock:
            record(store)
            late = build_event("a", RunContext())
            clock.tick(1)
            store.resolve(KEY)
            outcome = store.record(late, fingerprint_message("a"))

        assert not outcome.is_regressed
        assert group(store)["state"] == "resolved"
