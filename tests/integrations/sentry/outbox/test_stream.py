"""The outbox keeps what Sentry has not accepted: bounded, once, for one sender at a time."""

from __future__ import annotations

import time
from typing import Any

import pytest

from integrations.sentry.outbox import stream as module
from integrations.sentry.outbox.stream import PREFIX, Outbox, Waiting
from tests.support.outbox_transport import envelope_of, spool_dir, store
from tests.support.stack import wait_for

__all__ = ["spool_dir", "store"]

NOW_MS = int(time.time() * 1000)


def add(store: Outbox, event_id: str, age_seconds: float = 0, lease: float = 0) -> str:
    return store.add(envelope_of(event_id, int((time.time() - age_seconds) * 1000)), "me", lease)


def oldest(store: Outbox, owner: str = "replay") -> str | None:
    found = store.take_oldest(owner, 30)
    assert found is None or isinstance(found, Waiting)
    return found.event_id if found else None


def test_an_envelope_comes_back_as_it_was(store: Outbox) -> None:
    given = envelope_of("a", NOW_MS)
    assert store.add(given, "me", 0) == "kept"

    assert store.take_oldest("replay", 30) == given


def test_the_oldest_by_capture_comes_first(store: Outbox) -> None:
    for event_id, age in (("b", 20), ("c", 10), ("a", 30)):
        add(store, event_id, age)

    assert [oldest(store), oldest(store), oldest(store), oldest(store)] == ["a", "b", "c", None]


def test_a_lease_keeps_others_off_until_it_ends(store: Outbox) -> None:
    add(store, "a", lease=0.3)

    assert oldest(store) is None
    assert store.claim("a", "other", 30) == "taken"
    assert wait_for(lambda: oldest(store)) == "a"
    assert store.claim("a", "me", 30) == "taken"


def test_what_was_delivered_is_neither_sent_nor_kept_again(store: Outbox) -> None:
    add(store, "a", lease=30)
    assert store.claim("a", "me", 30) == "ok"

    assert store.accepted("a", by="live")
    assert not store.accepted("a", by="replay")
    assert store.claim("a", "me", 30) == "done"
    assert add(store, "a") == "done"
    facts = store.facts()
    assert (facts["depth"], facts["totals"]["accepted"], facts["totals"]["bytes"]) == (0, 1, 0)


def test_what_is_left_can_be_taken_at_once(store: Outbox) -> None:
    add(store, "a", lease=30)
    store.left("a", "network", "me", by="live")

    assert store.facts()["remote"]["reachable"] == "0"
    assert oldest(store) == "a"


def test_who_has_lost_the_lease_does_not_take_it_from_another(store: Outbox) -> None:
    add(store, "a")
    assert oldest(store, "replay") == "a"

    store.left("a", "network", "me")

    assert oldest(store, "second") is None


def test_a_limit_holds_for_every_process_and_is_never_shortened(store: Outbox) -> None:
    add(store, "a")
    until = time.time() + 50
    store.left("a", "status_429", "me", by="live", limited_until=until)
    store.left("a", "status_429", "me", by="live", limited_until=until - 40)

    assert store.claim("a", "me", 30) == "limited"
    assert store.take_oldest("replay", 30) == pytest.approx(until, abs=0.01)


def test_beyond_its_size_the_oldest_goes_and_is_counted(store: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ENTRIES", 3)
    for number in range(5):
        add(store, f"e{number}", age_seconds=100 - number)

    facts = store.facts()
    assert (facts["depth"], facts["totals"]["dropped:outbox_full"]) == (3, 2)
    assert oldest(store) == "e2"


def test_beyond_its_bytes_the_oldest_goes_and_the_newest_stays(store: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 10)
    for number in range(3):
        # The last is the oldest of all, and has just come.
        add(store, f"e{number}", age_seconds=100 + number)

    facts = store.facts()
    assert (facts["depth"], facts["totals"]["dropped:outbox_full"]) == (1, 2)
    assert oldest(store) == "e2"


def test_what_is_older_than_thirty_days_goes_and_is_counted(store: Outbox) -> None:
    add(store, "old", age_seconds=31 * 86_400)
    add(store, "new", age_seconds=29 * 86_400)

    assert oldest(store) == "new"
    facts = store.facts()
    assert (facts["depth"], facts["totals"]["dropped:too_old"]) == (1, 1)


def test_dead_letters_are_put_aside_counted_and_bounded(store: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_DEAD", 2)
    for event_id in ("a", "b", "c"):
        add(store, event_id)
        store.dead(envelope_of(event_id, NOW_MS), "status_400", by="replay")

    assert [letter["event_id"] for letter in store.dead_letters()] == ["c", "b"]
    facts = store.facts()
    assert (facts["depth"], facts["dead"], facts["totals"]["dropped:status_400"]) == (0, 2, 3)
    assert add(store, "a") == "done"


def test_what_is_damaged_is_put_aside_and_stands_before_nothing(store: Outbox) -> None:
    for event_id, age in (("a", 30), ("b", 20), ("c", 10)):
        add(store, event_id, age)

    def damage(client: Any) -> None:
        for entry, fields in client.xrange(f"{PREFIX}stream"):
            if fields[b"id"] != b"c":
                client.xdel(f"{PREFIX}stream", entry)
                where = client.xadd(f"{PREFIX}stream", {**fields, b"envelope": b"damaged"})
                client.hset(f"{PREFIX}ids", fields[b"id"], where)

    store.redis.run(damage)

    assert [oldest(store), oldest(store)] == ["c", None]
    assert [(letter["event_id"], letter["why"], letter["bytes"]) for letter in store.dead_letters()] == [
        ("b", "damaged", 7), ("a", "damaged", 7)
    ]  # fmt: skip
    assert "reachable" not in store.facts()["remote"]


def test_counts_that_are_told_again_count_once(store: Outbox) -> None:
    for _ in range(2):
        store.count(1, "me", {"dropped:x": 2})
    store.count(2, "me", {"dropped:x": 1})

    assert store.facts()["totals"] == {"dropped:x": 3}


def test_one_at_a_time_replays(store: Outbox) -> None:
    assert store.lock("one", 30)
    assert not store.lock("two", 30)

    store.unlock("two")
    assert not store.lock("two", 30)
    store.unlock("one")
    assert store.lock("two", 30)
