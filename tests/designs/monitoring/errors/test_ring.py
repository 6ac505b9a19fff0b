"""The ring: the newest occurrences, fairly shared by their groups, against a real server."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import override_settings
from freezegun import freeze_time

from designs.context import RunContext
from designs.monitoring.errors.event import build_event
from designs.monitoring.errors.keys import PREFIX
from designs.monitoring.errors.store import ErrorStore
from designs.monitoring.fingerprint import fingerprint_message
from tests.support.error_stores import NOON, messages, raw, record, store

__all__ = ["store"]


class TestRing:
    def test_the_newest_comes_first(self, store: ErrorStore) -> None:
        for message in ("first", "second", "third"):
            record(store, message)

        assert messages(store) == ["third", "second", "first"]
        assert messages(store, 2) == ["third", "second"]

    def test_it_never_holds_more_than_its_size(self, store: ErrorStore) -> None:
        with override_settings(ENGINEL_RING_SIZE=10):
            for number in range(50):
                record(store, f"failure {'x' * number}")
                assert raw("ZCARD", f"{PREFIX}ring") <= 10

        # The record, whose it is, and what other hooks add.
        assert raw("HLEN", f"{PREFIX}records") == 10 * 3
        assert messages(store)[0] == f"failure {'x' * 49}"

    def test_a_storm_does_not_push_out_a_rare_failure(self, store: ErrorStore) -> None:
        record(store, "rare")
        for number in range(500):
            record(store, f"storm {number}")

        found = messages(store)
        assert len(found) == 100
        assert found.count("rare") == 1
        assert found[0] == "storm 499"

    def test_a_storm_within_a_millisecond_stands_in_the_order_it_came(self, store: ErrorStore) -> None:
        with override_settings(ENGINEL_RING_SIZE=5), freeze_time(NOON):
            record(store, "rare")
            # Not so many that places and arrivals are in the same order again.
            for number in range(13):
                record(store, "storm", context={"number": number})
            found = store.recent(100)
            newest = store.recent(2)

        assert [one["context"].get("number") for one in found] == [12, 11, 10, 9, None]
        assert newest == found[:2]

    def test_two_storms_share_the_room(self, store: ErrorStore) -> None:
        for _ in range(100):
            record(store, "storm one")
        for _ in range(100):
            record(store, "storm two")

        found = messages(store)
        assert found.count("storm one") == found.count("storm two") == 50

    @pytest.mark.parametrize("lost", ["places", "records", "totals", "a list", "an entry", "an entry of the list"])
    def test_it_heals_whatever_part_of_it_was_lost(self, store: ErrorStore, lost: str) -> None:
        """A key expired before the others, or a script was cut short while its keys went to another node."""
        storm = f"{PREFIX}held:{fingerprint_message('storm').key}"
        with override_settings(ENGINEL_RING_SIZE=10):
            for number in range(10):
                record(store, "storm" if number < 8 else f"rare {'x' * number}")
            oldest = raw("LINDEX", storm, 0)
            match lost:
                case "a list":
                    raw("DEL", storm)
                case "an entry":
                    raw("ZREM", f"{PREFIX}ring", oldest)
                    raw("HDEL", f"{PREFIX}records", oldest, oldest + b"#", oldest + b"+")
                case "an entry of the list":
                    raw("LPOP", storm)
                case key:
                    raw("DEL", f"{PREFIX}{key}")
            for number in range(60):
                record(store, f"other {'y' * (number % 6)}")
            record(store, "storm")

            assert raw("ZCARD", f"{PREFIX}ring") <= 10
            assert messages(store)[0] == "storm"
            assert messages(store)[1] == f"other {'y' * 5}"

    def test_age_is_judged_by_the_applications_clock(self, store: ErrorStore) -> None:
        with freeze_time(NOON) as clock:
            record(store, "old")
            clock.tick(timedelta(minutes=30))
            record(store, "young")
            clock.tick(timedelta(minutes=30))
            assert messages(store) == ["young", "old"]
            clock.tick(timedelta(milliseconds=1))
            assert messages(store) == ["young"]
            clock.tick(timedelta(hours=1))
            assert messages(store) == []

    def test_what_is_too_old_is_deleted_by_the_next_occurrence(self, store: ErrorStore) -> None:
        with freeze_time(NOON) as clock:
            record(store, "old")
            clock.tick(timedelta(hours=2))
            record(store, "new")

        assert (
            raw("ZCARD", f"{PREFIX}ring") == raw("HLEN", f"{PREFIX}records") / 3 == raw("ZCARD", f"{PREFIX}places") == 1
        )

    def test_what_is_handed_over_late_stands_where_it_belongs(self, store: ErrorStore) -> None:
        with freeze_time(NOON) as clock:
            late = build_event("late", RunContext())
            clock.tick(60)
            record(store, "on time")
            store.record(late, fingerprint_message("late"))
            assert messages(store) == ["on time", "late"]
            assert messages(store, 1) == ["on time"]

    def test_every_key_expires_and_shares_one_hash_tag(self, store: ErrorStore) -> None:
        record(store, "x", traceback="tb")

        keys = raw("KEYS", "*")
        assert all(b"{errors}" in key for key in keys)
        assert all(raw("TTL", key) > 0 for key in keys)
