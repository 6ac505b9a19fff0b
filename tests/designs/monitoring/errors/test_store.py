"""The store: groups, totals and gate in one atomic call, against a real server; `test_ring` has the ring."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings
from freezegun import freeze_time

from designs.conf import conf
from designs.monitoring import guard
from designs.monitoring.errors import store as module
from designs.monitoring.errors.command_slots import MAX_SLOTS
from designs.monitoring.errors.keys import GROUP_PREFIX, PREFIX
from designs.monitoring.errors.store import ErrorStore
from designs.monitoring.fingerprint import fingerprint_message
from integrations.redis import RedisUnavailable, redis_for
from tests.support.error_stores import NOON, messages, raw, record, store
from tests.support.outage import REFUSED_URL, FrozenValkey, own_valkey

__all__ = ["store"]


class TestGroups:
    def test_occurrences_of_a_group_are_counted(self, store: ErrorStore) -> None:
        outcomes = [record(store, f"row {number}") for number in range(3)]

        assert [outcome.occurrences for outcome in outcomes] == [1, 2, 3]
        assert [outcome.is_new for outcome in outcomes] == [True, False, False]
        assert [found["occurrences"] for found in store.recent(10)] == [3, 3, 3]

    def test_totals_are_kept_by_kind_severity_and_source(self, store: ErrorStore) -> None:
        for message in ("a", "a", "b"):
            record(store, message)

        counted = {"occurrences": 3, "by:message|ERROR|explicit": 3, "groups": 2, "forwarded": 2}
        assert store.totals() == {**counted, "untold:sentry_off": 2}

    def test_one_traceback_serves_the_whole_group(self, store: ErrorStore) -> None:
        assert not record(store, "a", traceback="the stack").needs_traceback
        record(store, "a", traceback="another")
        record(store, "a")

        assert {found["traceback"] for found in store.recent(10)} == {"the stack"}

    def test_a_group_without_a_traceback_asks_for_one(self, store: ErrorStore) -> None:
        outcome = record(store, "a")
        assert outcome.needs_traceback

        store.merge(outcome.event_id, fingerprint_message("a").key, None, "the stack")

        assert store.recent(1)[0]["traceback"] == "the stack"
        assert not record(store, "a").needs_traceback

    def test_groups_tell_their_history(self, store: ErrorStore) -> None:
        with freeze_time(NOON) as clock:
            record(store, "a", severity="CRITICAL")
            clock.tick(10)
            last = record(store, "a")
            clock.tick(10)
            record(store, "b")

        newest, oldest = store.groups()
        assert newest["message"] == "b"
        noon_ms = int(NOON.timestamp() * 1000)
        assert {**oldest, "site": ""} == {
            "fingerprint": fingerprint_message("a").key,
            "total": "2",
            "type": "message",
            "module": "",
            "message": "a",
            "severity": "CRITICAL",
            "site": "",
            "parts": '["message", "", "a"]',
            "first_seen_ms": str(noon_ms),
            "last_seen_ms": str(noon_ms + 10_000),
            "last_event_id": last.event_id,
            "state": "new",
            "releases": conf.release,
            "users": 0,
            "reasons": [],
            "forwarded": 1,
            "pending": 1,
        }

    def test_too_many_groups_let_the_least_recent_go_and_count_it(self, store: ErrorStore) -> None:
        with override_settings(ENGINEL_MAX_GROUPS=3), freeze_time(NOON) as clock:
            for message in "abcde":
                record(store, message)
                clock.tick(1)
            assert messages(store) == ["e", "d", "c", "b", "a"]

        assert [group["message"] for group in store.groups()] == ["e", "d", "c"]
        assert store.totals()["groups_evicted"] == 2


class TestGate:
    def test_within_a_window_the_powers_of_ten_pass(self, store: ErrorStore) -> None:
        with freeze_time(NOON):
            outcomes = [record(store, "a") for _ in range(120)]

        assert [n for n, outcome in enumerate(outcomes, 1) if outcome.forward] == [1, 10, 100]

    def test_what_passes_stands_for_all_since_the_last_that_passed(self, store: ErrorStore) -> None:
        with freeze_time(NOON):
            outcomes = [record(store, "a") for _ in range(100)]

        assert [outcome.represents for outcome in outcomes if outcome.forward] == [1, 9, 90]

    def test_what_passes_knows_when_its_group_began(self, store: ErrorStore) -> None:
        with freeze_time(NOON) as clock:
            told = []
            for _ in range(10):
                told.append(record(store, "storm").first_seen_ms)
                clock.tick(1)

        noon_ms = int(NOON.timestamp() * 1000)
        assert told == [noon_ms, *[0] * 8, noon_ms]

    def test_a_new_window_passes_its_first(self, store: ErrorStore) -> None:
        with freeze_time(NOON) as clock:
            for _ in range(5):
                record(store, "a")
            clock.tick(299)
            assert not record(store, "a").forward
            clock.tick(1)
            outcome = record(store, "a")

        assert outcome.forward
        assert outcome.represents == 6


class TestOperations:
    def test_an_operation_seen_twice_counts_once(self, store: ErrorStore) -> None:
        first = record(store, "a", operation="task:1:0")
        second = record(store, "quite another text", operation="task:1:0")

        assert (first.state, second.state) == ("recorded", "seen")
        assert second.event_id == first.event_id
        assert messages(store) == ["a"]
        assert store.totals()["occurrences"] == 1

    def test_another_attempt_counts(self, store: ErrorStore) -> None:
        record(store, "a", operation="task:1:0")

        assert record(store, "a", operation="task:1:1").state == "recorded"


class TestMerging:
    def test_a_second_context_joins_the_record_and_the_first_wins(self, store: ErrorStore) -> None:
        outcome = record(store, "a", context={"both": "first"})

        joined = store.merge(
            outcome.event_id,
            fingerprint_message("a").key,
            {"user_id": "7", "context": {"both": "second", "more": "x\ny"}},
        )

        assert joined
        found = store.recent(1)[0]
        assert found["context"] == {"both": "first", "more": "x\ny"}
        assert found["user_id"] == "7"

    def test_the_record_is_found_whatever_group_the_second_hook_thinks_of(self, store: ErrorStore) -> None:
        """A task's main process sees an exception without its traceback."""
        outcome = record(store, "failure")
        for number in range(10):
            record(store, f"other {'x' * number}")

        assert store.merge(outcome.event_id, fingerprint_message("another").key, {"context": {"a": 1}})
        assert [found["context"] for found in store.recent(100)][-1] == {"a": 1}

    def test_what_was_added_goes_when_a_storm_takes_the_place(self, store: ErrorStore) -> None:
        with override_settings(ENGINEL_RING_SIZE=1):
            outcome = record(store, "storm")
            assert store.merge(outcome.event_id, fingerprint_message("storm").key, {"context": {"a": 1}})
            record(store, "storm")

            assert [found["context"] for found in store.recent(100)] == [{}]
            assert not store.merge(outcome.event_id, fingerprint_message("storm").key, {"context": {"a": 1}})

    def test_a_record_that_is_gone_is_let_be(self, store: ErrorStore) -> None:
        assert not store.merge("gone", "1:gone", {"context": {"a": 1}}, "the stack")
        assert raw("DBSIZE") == 0

    def test_additions_are_bounded_in_number_and_size(self, store: ErrorStore) -> None:
        outcome = record(store, "a")
        key = fingerprint_message("a").key
        store.merge(outcome.event_id, key, {"context": {"big": "x" * 200_000}})
        (place,) = raw("ZRANGE", f"{PREFIX}ring", 0, -1)
        assert 0 < raw("HSTRLEN", f"{PREFIX}records", place + b"+") < 70_000
        assert "left out" in json.dumps(store.recent(1)[0]["context"])

        for number in range(50):
            store.merge(outcome.event_id, key, {"context": {f"n{number}": 1}})
        assert len(store.recent(1)[0]["context"]) < 10


def test_occurrences_that_cannot_be_sent_hold_no_slot(store: ErrorStore, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(module, "command_of", lambda *args, **options: 1 / 0)
        for _ in range(MAX_SLOTS + 1):
            with pytest.raises(ZeroDivisionError):
                record(store, "x")

    assert record(store, "x").state == "recorded"


class TestWithoutRedis:
    @override_settings(REDIS_URL=REFUSED_URL)
    def test_records_come_from_the_backlog_and_the_gate_holds(self, store: ErrorStore) -> None:
        outcomes = [record(store, f"row {number}") for number in range(20)]

        assert {outcome.state for outcome in outcomes} == {"kept"}
        assert [n for n, outcome in enumerate(outcomes, 1) if outcome.forward] == [1, 10]
        assert messages(store, 3) == ["row 19", "row 18", "row 17"]
        assert store.merge(outcomes[0].event_id, "1:x", {"context": {"more": 1}})
        assert not store.merge("gone", "1:x", {"context": {"more": 1}})

    @override_settings(REDIS_URL=REFUSED_URL)
    def test_what_only_redis_knows_is_refused_aloud(self, store: ErrorStore) -> None:
        with pytest.raises(RedisUnavailable):
            store.totals()
        with pytest.raises(RedisUnavailable):
            store.groups()

    def test_what_waits_is_handed_over_and_the_totals_are_exact(self, store: ErrorStore) -> None:
        record(store, "before")
        with override_settings(REDIS_URL=REFUSED_URL):
            for number in range(300):
                record(store, f"during {number}")
            record(store, "rare during")
        record(store, "after")
        store.drain()
        store.drain()

        assert not store.backlog
        assert store.totals()["occurrences"] == 303
        assert not store.backlog.dropped
        groups = {group["message"].split()[0]: group["total"] for group in store.groups()}
        assert groups == {"before": "1", "during": "300", "rare": "1", "after": "1"}

    def test_reading_hands_over_too(self, store: ErrorStore) -> None:
        with override_settings(REDIS_URL=REFUSED_URL):
            record(store, "during")

        assert messages(store) == ["during"]
        assert not store.backlog
        assert store.totals()["occurrences"] == 1

    def test_the_second_hooks_context_survives_the_outage(self, store: ErrorStore) -> None:
        with override_settings(REDIS_URL=REFUSED_URL):
            outcome = record(store, "during", context={"a": 1})
            store.merge(outcome.event_id, fingerprint_message("during").key, {"context": {"b": 2}})

        assert store.recent(1)[0]["context"] == {"a": 1, "b": 2}


@pytest.fixture(scope="module")
def freezable(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with own_valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


class TestFrozenRedis:
    def test_a_command_without_an_answer_counts_once_whatever_became_of_it(
        self, store: ErrorStore, freezable: FrozenValkey
    ) -> None:
        with override_settings(REDIS_URL=freezable.url):
            redis_for(freezable.url).run(lambda client: client.flushdb())
            record(store, "before")
            with freezable.frozen():
                asked = record(store, "asked")
                skipped = record(store, "skipped")
            assert asked.state == skipped.state == "kept"
            # The server runs the command it was given while frozen; the backlog sends it again.
            assert sorted(messages(store)) == ["asked", "before", "skipped"]
            assert store.totals()["occurrences"] == 3
            assert not store.backlog

    def test_a_storm_over_an_outage_counts_exactly(self, store: ErrorStore, freezable: FrozenValkey) -> None:
        with override_settings(REDIS_URL=freezable.url):
            redis_for(freezable.url).run(lambda client: client.flushdb())
            # The server knows the script: what it is sent while frozen, it runs.
            record(store, "storm before")
            for _ in range(3):
                with freezable.frozen():
                    for number in range(200):
                        record(store, f"storm {number}")
            while store.backlog:
                store.drain()

            assert store.totals()["occurrences"] == 601
            assert not store.backlog.dropped


@pytest.mark.usefixtures("allow_swallowed")
@pytest.mark.parametrize("junk", [b"", b"{", b"\xff\xfe", b"[]", b"5"])
def test_a_record_nobody_can_read_hides_no_other(store: ErrorStore, junk: bytes) -> None:
    for message in ("a", "b", "c"):
        record(store, message)
    event_id = store.recent(3)[1]["event_id"].encode()
    broken = next(field for field in raw("HKEYS", f"{PREFIX}records") if field.endswith(event_id))
    raw("HSET", f"{PREFIX}records", broken, junk)

    assert [found["error_message"] for found in store.recent(10)] == ["c", "a"]
    assert guard.swallowed["unreadable_record"] == 1


@pytest.mark.parametrize("junk", [b"", b"x", b"\xff\xfe"])
def test_a_group_nobody_can_read_hides_no_other(store: ErrorStore, junk: bytes) -> None:
    for message in ("a", "b"):
        record(store, message)
    key = store.groups()[0]["fingerprint"]
    for field in ("last_seen_ms", "message", "parts"):
        raw("HSET", f"{GROUP_PREFIX}{key}", field, junk)

    assert {found["fingerprint"] for found in store.groups()} >= {key}
    assert len(store.groups()) == 2


def test_a_total_that_is_no_number_hides_no_other(store: ErrorStore) -> None:
    record(store, "a")
    raw("HSET", f"{PREFIX}totals", b"\xff", "5", "groups", "x")

    assert store.totals()["occurrences"] == 1
    assert "groups" not in store.totals()


def test_threads_count_exactly(store: ErrorStore) -> None:
    def work(name: str) -> None:
        for _ in range(25):
            record(store, f"by {name}")
            record(store, "shared")

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {group["message"]: group["total"] for group in store.groups()} == {
        "by a": "25", "by b": "25", "by c": "25", "by d": "25", "shared": "100",
    }  # fmt: skip


def test_a_scrubbed_group_shows_no_secret_in_its_parts(store: ErrorStore) -> None:
    record(store, "no login with password=hunter2")

    dump = json.dumps(store.groups()) + json.dumps(store.recent(10))
    assert "hunter2" not in dump
    assert "[filtered]" in dump


def test_a_server_that_forgot_its_scripts_is_told_again(store: ErrorStore) -> None:
    record(store, "a")
    raw("SCRIPT", "FLUSH")

    assert record(store, "a").occurrences == 2


def test_a_fork_does_not_hand_over_what_waits_in_its_parent(tmp_path: Path) -> None:
    from designs.monitoring.errors import recorder

    with override_settings(REDIS_URL=REFUSED_URL):
        record(recorder.error_store, "waits in the parent")
    assert len(recorder.error_store.backlog) == 1

    pid = os.fork()
    if pid == 0:
        os._exit(len(recorder.error_store.backlog))
    _, status = os.waitpid(pid, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert len(recorder.error_store.backlog) == 1
