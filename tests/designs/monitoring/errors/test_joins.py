"""Two keys of one bug count in one group: by an alias, without a further command once the group is known."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings
from freezegun import freeze_time

from designs.context import RunContext
from designs.monitoring import ErrorTracker
from designs.monitoring.errors import recorder
from designs.monitoring.errors.backlog import Pending
from designs.monitoring.errors.delivery_counts import account_of
from designs.monitoring.errors.event import build_event
from designs.monitoring.errors.keys import GROUP_PREFIX, PREFIX
from designs.monitoring.errors.store import ErrorStore, RecordResult
from designs.monitoring.fingerprint import Fingerprint
from integrations.redis import client as gateways
from integrations.redis import redis_for
from tests.support.error_stores import NOON, raw, store
from tests.support.outage import REFUSED_URL
from tests.support.sentry_capture import Collecting, transport

__all__ = ["store", "transport"]


def print_of(name: str, *aliases: str) -> Fingerprint:
    return Fingerprint(f"1:{name}", "1", (name,), tuple(f"1:{alias}" for alias in aliases), f"site of {name}")


A, B, C = print_of("a", "bug"), print_of("b", "bug"), print_of("c", "bug")
OTHER = print_of("other", "other-bug")


def record(store: ErrorStore, fingerprint: Fingerprint, *, describe: bool = True, **how: Any) -> RecordResult:
    facts = {name: how.pop(name) for name in ("user_id",) if name in how}
    return store.record(build_event("x", RunContext(), **facts), fingerprint, describe=describe, **how)


def total(store: ErrorStore, key: str) -> int:
    found = store.group(key)
    return 0 if found is None else int(found["total"])


def keys_of(store: ErrorStore) -> set[str]:
    return {group["fingerprint"] for group in store.groups()}


class TestOneBug:
    def test_another_key_with_its_alias_counts_in_its_group(self, store: ErrorStore) -> None:
        record(store, A, user_id=1)
        joined = record(store, B, user_id=2)

        assert (joined.joined, joined.occurrences, joined.is_new) == ("1:a", 2, False)
        assert keys_of(store) == {"1:a"}
        found = store.group("1:a") or {}
        assert (found["total"], found["users"], found["joined"]) == ("2", 2, ["1:b"])
        assert [entry["fingerprint"] for entry in store.recent(9)] == ["1:a", "1:a"]
        assert raw("ZRANGE", f"{PREFIX}places", 0, -1) == [b"1:a"]
        assert store.totals()["groups"] == 1

    def test_the_key_is_remembered(self, store: ErrorStore) -> None:
        record(store, A)
        record(store, B)

        assert record(store, print_of("b"), describe=False).joined == "1:a"
        assert (store.group("1:b") or {})["fingerprint"] == "1:a"

    def test_an_alias_that_is_the_groups_own_key_joins(self, store: ErrorStore) -> None:
        """As a later version of the key gives the earlier key of each failure."""
        record(store, print_of("earlier"))
        record(store, print_of("later", "earlier", "later-bug"))
        record(store, print_of("later elsewhere", "earlier-elsewhere", "later-bug"))

        assert keys_of(store) == {"1:earlier"}
        assert total(store, "1:earlier") == 3

    def test_its_own_group_comes_first(self, store: ErrorStore) -> None:
        record(store, print_of("b"))
        record(store, A)

        assert record(store, B).joined == ""
        assert (total(store, "1:a"), total(store, "1:b")) == (1, 2)

    def test_its_alias_comes_before_what_its_key_was_joined_to(self, store: ErrorStore) -> None:
        """Two bugs that one process cannot tell apart stay the two that another one knows."""
        record(store, A)
        record(store, OTHER)
        vague = [print_of("vague", "bug"), print_of("vague", "other-bug")]

        assert [record(store, one).joined for one in vague] == ["1:a", "1:other"]

    def test_another_bug_is_another_group(self, store: ErrorStore) -> None:
        record(store, A)

        assert (record(store, OTHER).joined, record(store, print_of("none")).joined) == ("", "")
        assert len(keys_of(store)) == 3

    def test_what_was_resolved_regresses(self, store: ErrorStore) -> None:
        with freeze_time(NOON) as clock:
            record(store, A)
            record(store, B)
            assert store.resolve("1:b")
            assert (store.group("1:a") or {})["state"] == "resolved"
            clock.tick(1)
            again = record(store, C)

        assert (again.joined, again.is_regressed, again.forward) == ("1:a", True, True)

    def test_a_second_hook_describes_the_group_that_counted(self, store: ErrorStore) -> None:
        undescribed = Fingerprint("1:a", "1", ("a",), (), "site")
        record(store, undescribed, describe=False)
        record(store, print_of("b", "a"))
        raw("HDEL", f"{GROUP_PREFIX}1:a", "described", "traced")
        event = build_event("x", RunContext())
        store.merge(event.event_id, B, None, "the stack", describe=event)

        found = store.group("1:a") or {}
        assert (found["traceback"], found["site"]) == ("the stack", "site of b")
        assert record(store, C).joined == "1:a"

    def test_the_same_operation_says_where_it_counted(self, store: ErrorStore) -> None:
        record(store, A)
        first = record(store, B, operation="attempt")
        again = record(store, B, operation="attempt")

        assert (again.state, again.event_id, again.joined) == ("seen", first.event_id, "1:a")
        assert total(store, "1:a") == 2

    def test_a_known_group_takes_no_further_command(self, store: ErrorStore) -> None:
        for one in (A, B, A):
            record(store, one)
        raw("CONFIG", "RESETSTAT")
        record(store, A, describe=False)

        asked = {name.removeprefix("cmdstat_") for name in raw("INFO", "commandstats")}
        assert asked.isdisjoint({"hget", "hexists", "exists", "hdel"})


class TestTheEnd:
    def test_an_evicted_group_takes_its_keys_along(self, store: ErrorStore) -> None:
        with freeze_time(NOON) as clock, override_settings(ENGINEL_MAX_GROUPS=1):
            record(store, A)
            record(store, B)
            clock.tick(2)
            record(store, OTHER)

        assert (store.group("1:b"), store.group("1:bug")) == (None, None)
        assert raw("HKEYS", f"{PREFIX}aliases") == [b"1:other-bug"]
        assert raw("HKEYS", f"{PREFIX}names") == [b"1:other"]

    def test_an_expired_group_takes_its_keys_along(self, store: ErrorStore) -> None:
        with freeze_time(NOON) as clock:
            record(store, A)
            record(store, B)
            raw("DEL", f"{GROUP_PREFIX}1:a")
            assert store.group("1:b") is None
            clock.tick(60)
            record(store, OTHER)

        assert raw("HKEYS", f"{PREFIX}aliases") == [b"1:other-bug"]
        assert raw("HKEYS", f"{PREFIX}names") == [b"1:other"]

    def test_an_alias_of_an_expired_group_leads_to_the_next(self, store: ErrorStore) -> None:
        record(store, A)
        record(store, B)
        raw("DEL", f"{GROUP_PREFIX}1:a")

        assert record(store, B).is_new
        assert (record(store, A).joined, record(store, C).joined) == ("1:b", "1:b")
        assert (store.group("1:b") or {})["total"] == "3"

    def test_joins_end_whatever_leads_to_what(self, store: ErrorStore) -> None:
        """Each of three keys leads to the next: none of them has a group."""
        for key, of in (("1:a", "1:b"), ("1:b", "1:c"), ("1:c", "1:a"), ("1:bug", "1:a")):
            raw("HSET", f"{PREFIX}aliases", key, of)

        assert record(store, A).is_new
        assert [record(store, one).joined for one in (B, C, A)] == ["1:a", "1:a", ""]
        assert total(store, "1:c") == 4

    def test_the_keys_of_a_group_are_bounded(self, store: ErrorStore) -> None:
        record(store, A)
        for number in range(200):
            assert record(store, print_of(f"{number:032}", "bug")).joined == "1:a"

        assert total(store, "1:a") == 201
        assert raw("HLEN", f"{PREFIX}aliases") < 130
        assert raw("HSTRLEN", f"{GROUP_PREFIX}1:a", "joined") < 2_100

    def test_every_index_expires(self, store: ErrorStore) -> None:
        record(store, print_of("a"))
        record(store, print_of("b", "a"))

        assert all(raw("TTL", key) > 0 for key in raw("KEYS", f"{PREFIX}*"))


class TestExact:
    def test_processes_that_race_agree(self) -> None:
        stores = [ErrorStore() for _ in range(6)]
        start = threading.Barrier(len(stores))

        def fail(number: int) -> None:
            start.wait(30)
            for _ in range(20):
                record(stores[number], print_of(str(number), "bug"))

        threads = [threading.Thread(target=fail, args=(number,)) for number in range(len(stores))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)

        (group,) = stores[0].groups()
        assert group["total"] == "120"

    @pytest.mark.usefixtures("transport")
    def test_what_waits_keeps_its_key_and_joins_when_it_is_handed_over(self, store: ErrorStore) -> None:
        with override_settings(ENGINEL_HAND_OVER_SECONDS=0):
            record(store, A)
            with override_settings(REDIS_URL=REFUSED_URL):
                kept = [record(store, B) for _ in range(5)]
                assert {entry["fingerprint"] for entry in store.recent(9)} == {"1:b"}
            store.drain()

        assert [one.state for one in kept] == ["kept"] * 5
        assert keys_of(store) == {"1:a"}
        assert account_of(store.totals())[:3] == (6, 2, 4)
        assert record(store, B).occurrences == 7

    @pytest.mark.usefixtures("transport")
    @pytest.mark.parametrize("between", ["nothing", "evicted", "expired", "another group"])
    def test_an_answer_that_was_lost_counts_where_it_was_counted(
        self, store: ErrorStore, monkeypatch: pytest.MonkeyPatch, between: str
    ) -> None:
        gateway = redis_for(settings.REDIS_URL)
        answered = gateway.script

        def unanswered(*args: Any, **how: Any) -> None:
            answered(*args, **how)
            raise gateways.RedisUnavailable("no answer", asked=True)

        with freeze_time(NOON) as clock, override_settings(ENGINEL_HAND_OVER_SECONDS=0):
            outcomes = [record(store, A) for _ in range(5)]
            clock.tick(301)
            with monkeypatch.context() as patch:
                patch.setattr(gateway, "script", unanswered)
                outcomes.append(record(store, B))
            if between == "evicted":
                with override_settings(ENGINEL_MAX_GROUPS=1):
                    clock.tick(2)
                    outcomes.append(record(ErrorStore(), OTHER))
            elif between == "expired":
                raw("DEL", f"{GROUP_PREFIX}1:a")
            elif between == "another group":
                raw("HDEL", f"{PREFIX}aliases", "1:b", "1:bug")
                outcomes.append(record(ErrorStore(), B))
            store.drain()
            found = account_of(store.totals())

        assert outcomes[5].state == "kept"
        assert found.recorded == len(outcomes)
        assert found.told == sum(outcome.represents for outcome in outcomes if outcome.forward)
        assert found.pending + sum(found.untold.values()) == 4
        if between in {"nothing", "another group"}:
            assert (total(store, "1:a"), found.pending) == (6, 4)
            assert (store.group("1:a") or {})["pending"] == 4

    @pytest.mark.usefixtures("transport")
    @pytest.mark.parametrize("seed", range(12))
    def test_all_add_up_over_keys_outages_evictions_and_expiry(self, seed: int) -> None:
        chance = random.Random(seed)
        stores = [ErrorStore() for _ in range(3)]
        bugs = [print_of(f"{bug}{process}", bug) for bug in "xyz" for process in "abc"]
        outcomes: list[RecordResult] = []
        with freeze_time(NOON) as clock, override_settings(ENGINEL_HAND_OVER_SECONDS=0, ENGINEL_MAX_GROUPS=2):
            for _ in range(80):
                one, many = chance.choice(stores), chance.choice((1, 1, 3, 12))
                fingerprint, describe = chance.choice(bugs), chance.random() < 0.7
                away = chance.random() < 0.3
                with override_settings(REDIS_URL=REFUSED_URL if away else settings.REDIS_URL):
                    outcomes += [record(one, fingerprint, describe=describe) for _ in range(many)]
                if chance.random() < 0.1:
                    raw("DEL", *(raw("KEYS", f"{GROUP_PREFIX}*")[:1] or ["none"]))
                if chance.random() < 0.3:
                    chance.choice(stores).drain(chance.choice((1, 5, 50)))
                clock.tick(chance.choice((1, 30, 200)))
                found = account_of(stores[0].totals())
                pending = sum(int(value) for value in raw("HVALS", f"{PREFIX}pending"))
                assert found.pending == pending
            for one in stores:
                while one.backlog:
                    one.drain()

        found = account_of(stores[0].totals())
        assert found.recorded == len(outcomes)
        assert found.told == sum(outcome.represents for outcome in outcomes if outcome.forward)
        assert found.pending == sum(int(value) for value in raw("HVALS", f"{PREFIX}pending"))
        living = {group["fingerprint"] for group in stores[0].groups()}
        assert {of.decode() for of in raw("HVALS", f"{PREFIX}aliases")} <= living | {
            key.decode() for key in raw("ZRANGE", f"{PREFIX}groups", 0, -1)
        }


def fail(kind: type[Exception] = ValueError) -> dict[str, Any]:
    try:
        raise kind("broken")
    except kind as error:
        return ErrorTracker.log_error(error)


@pytest.fixture
def fresh() -> Iterator[None]:
    """A process that knows no group yet."""
    recorder.known_groups.reset()
    yield
    recorder.known_groups.reset()


@pytest.mark.usefixtures("fresh")
class TestAProcess:
    def test_it_uses_the_key_of_the_group_from_then_on(
        self, transport: Collecting, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = fail()
        recorder.known_groups.reset()
        sent: list[str] = []
        answered = recorder.error_store._send

        def noted(pending: Pending, **how: bool) -> RecordResult:
            sent.append(pending.fingerprint.key)
            return answered(pending, **how)

        monkeypatch.setattr(recorder.error_store, "_send", noted)
        with override_settings(ENGINEL_IN_APP_ROOTS=("/nowhere",)), freeze_time() as clock:
            clock.tick(301)
            records = [fail(), fail()]
            with override_settings(REDIS_URL=REFUSED_URL):
                kept = fail()

        key = first["fingerprint"]
        assert [one["fingerprint"] for one in (*records, kept)] == [key] * 3
        assert [one["occurrences"] for one in records] == [2, 3]
        assert sent[0] != key
        assert sent[1:] == [key, key]
        assert transport.events[1]["tags"]["fingerprint"] == key
        recorder.error_store.drain()
        (group,) = ErrorTracker.get_groups()
        assert group["total"] == "4"
        assert (ErrorTracker.get_group(sent[0]) or {})["joined"] == [sent[0]]
        assert ErrorTracker.resolve_group(sent[0])

    def test_it_begins_anew_when_the_group_is_gone(self) -> None:
        fail()
        recorder.known_groups.reset()
        with override_settings(ENGINEL_IN_APP_ROOTS=("/nowhere",)):
            fail()
            raw("FLUSHDB")
            keys = [fail()["fingerprint"] for _ in range(3)]

        (group,) = ErrorTracker.get_groups()
        assert (group["total"], group["type"]) == ("3", "ValueError")
        assert len(set(keys)) == 1


PROCESS = """
import json, sys
import django
django.setup()
from django.test import override_settings
from designs.monitoring import ErrorTracker
from tests.support import joined_bugs

with override_settings(ENGINEL_IN_APP_ROOTS=(sys.argv[1],)):
    found = {}
    for name in joined_bugs.BUGS:
        try:
            joined_bugs.BUGS[name]()
        except Exception as error:
            found[name] = ErrorTracker.log_error(error)["fingerprint"]
print(json.dumps(found))
"""


def test_processes_with_different_roots_count_each_bug_in_one_group(store: ErrorStore) -> None:
    checkout = __file__.partition("/tests/")[0]
    found = []
    for root in (checkout, "/nowhere", f"{checkout}/tests/designs"):
        done = subprocess.run(
            [sys.executable, "-c", PROCESS, root],
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "REDIS_URL": settings.REDIS_URL},
            cwd=checkout, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        found.append(json.loads(done.stdout.splitlines()[-1]))

    assert found[0] == found[1] == found[2]
    assert len(set(found[0].values())) == len(found[0])
    assert {group["fingerprint"]: group["total"] for group in store.groups()} == dict.fromkeys(found[0].values(), "3")
