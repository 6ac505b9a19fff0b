"""While Redis is away, too, envelopes wait in a file of this host, whatever happens to it."""

from __future__ import annotations

import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from integrations.redis import RedisUnavailable
from integrations.sentry import configure, delivery_status, replay_outbox
from integrations.sentry.outbox import spool as module
from integrations.sentry.outbox import writer
from integrations.sentry.outbox.spool import Spool, SpoolFull
from integrations.sentry.outbox.stream import Outbox, Waiting
from tests.support.faulty_sentry import FaultySentry
from tests.support.outage import REFUSED_URL, FrozenValkey, own_valkey
from tests.support.outbox_transport import capture, envelope_of, sdk, sentry, spool_dir, store
from tests.support.stack import wait_for

__all__ = ["sentry", "spool_dir", "store"]


@pytest.fixture
def spool(spool_dir: Path) -> Spool:
    return Spool(spool_dir)


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[FrozenValkey]:
    with own_valkey(tmp_path) as server:
        yield server


def drained(spool: Spool) -> list[str]:
    found: list[str] = []
    spool.drain(lambda waiting, owner, seconds: found.append(waiting.event_id), lambda event_id: None)
    return found


def test_what_is_appended_is_read_back_once_oldest_first(spool: Spool) -> None:
    given = [envelope_of(event_id, at_ms) for event_id, at_ms in (("b", 2), ("a", 1))]
    for waiting in given:
        spool.append(waiting, "me", 0)
    assert spool.depth() == 2
    found: list[Waiting] = []

    assert spool.drain(lambda waiting, owner, seconds: found.append(waiting), print) == (2, 0)

    assert found == given[::-1]
    assert spool.is_empty()
    assert drained(spool) == []


def test_only_its_owner_may_read_it(spool: Spool) -> None:
    spool.append(envelope_of("a", 1), "me", 0)

    assert stat.S_IMODE(spool.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(spool.folder.stat().st_mode) == 0o700


def test_a_link_is_not_followed(spool: Spool, tmp_path: Path) -> None:
    spool.folder.mkdir()
    spool.path.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(SpoolFull):
        spool.append(envelope_of("a", 1), "me", 0)
    assert not (tmp_path / "elsewhere").exists()


def test_what_was_delivered_is_not_read_back(spool: Spool) -> None:
    for event_id in ("a", "b"):
        spool.append(envelope_of(event_id, 1), "me", 0)
    spool.delivered("a")
    delivered: list[str] = []
    found: list[str] = []

    spool.drain(lambda waiting, owner, seconds: found.append(waiting.event_id), delivered.append)

    assert (found, delivered) == (["b"], ["a"])


def test_a_torn_tail_loses_itself_only(spool: Spool) -> None:
    spool.append(envelope_of("a", 1), "me", 0)
    spool.append(envelope_of("b", 2), "me", 0)
    spool.path.write_bytes(spool.path.read_bytes()[:-30])
    spool.append(envelope_of("c", 3), "me", 0)
    with spool.path.open("ab") as file:
        file.write(b'\n{"id": 5}\n\xff\x00\n[]\n7\n')
    found: list[str] = []

    result = spool.drain(lambda waiting, owner, seconds: found.append(waiting.event_id), print)

    assert found == ["a", "c"]
    assert result == (2, 5)


def test_a_full_spool_says_so(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 300)
    spool.append(envelope_of("a", 1), "me", 0)

    with pytest.raises(SpoolFull):
        spool.append(envelope_of("b", 1), "me", 0)
    assert drained(spool) == ["a"]


def test_a_folder_that_cannot_be_made_is_no_room(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(SpoolFull):
        Spool(tmp_path / "file" / "spool").append(envelope_of("a", 1), "me", 0)
    assert Spool(tmp_path / "file" / "spool").is_empty()


def test_what_cannot_be_handed_over_stays(spool: Spool) -> None:
    for number in range(3):
        spool.append(envelope_of(f"e{number}", number), "me", 0)
    seen: list[str] = []

    def refuse(waiting: Waiting, owner: str, seconds: float) -> None:
        if seen:
            raise RedisUnavailable("away", asked=False)
        seen.append(waiting.event_id)

    with pytest.raises(RedisUnavailable):
        spool.drain(refuse, print)
    assert spool.depth() == 3
    assert drained(spool) == ["e0", "e1", "e2"]


def test_nothing_is_lost_between_writers_and_a_reader(spool: Spool) -> None:
    errors: list[Exception] = []

    def write(start: int) -> None:
        try:
            for number in range(start, start + 100):
                spool.append(envelope_of(f"e{number}", number), "me", 0)
        except Exception as error:
            errors.append(error)

    writers = [threading.Thread(target=write, args=(start,)) for start in (0, 100, 200)]
    for thread in writers:
        thread.start()
    found: list[str] = []
    while any(writer.is_alive() for writer in writers):
        found += drained(spool)
    found += drained(spool)

    assert errors == []
    assert sorted(found) == sorted(f"e{number}" for number in range(300))


def test_what_is_written_while_a_reader_takes_the_file_away_goes_to_the_next_file(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool.append(envelope_of("before", 1), "me", 0)
    lock, read = module.fcntl.flock, list[str]()

    def taken_away_first(descriptor: int, how: int) -> None:
        monkeypatch.setattr(module.fcntl, "flock", lock)
        read.extend(drained(spool))
        spool.append(envelope_of("between", 2), "somebody", 0)
        lock(descriptor, how)

    monkeypatch.setattr(module.fcntl, "flock", taken_away_first)
    spool.append(envelope_of("after", 3), "me", 0)

    assert read == ["before"]
    assert drained(spool) == ["between", "after"]


def test_with_redis_away_a_healthy_sentry_gets_events_and_the_spool_forgets_them(
    sentry: FaultySentry, spool_dir: Path
) -> None:
    configure(REFUSED_URL, spool_dir)
    with sdk(sentry.dsn):
        event_id = capture()
        wait_for(lambda: [event["event_id"] for event in sentry.events()] == [event_id])
        wait_for(lambda: Spool(spool_dir).depth() == 0)


def test_with_both_away_events_wait_and_arrive_when_both_are_back(
    sentry: FaultySentry, spool_dir: Path, valkey: FrozenValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "POLL_SECONDS", 0.05)
    configure(valkey.url, spool_dir, lease_seconds=0.2)
    sentry.fail_with(500)
    with sdk(sentry.dsn) as transport:
        with valkey.frozen():
            given = [capture(f"event {number}") for number in range(5)]
            transport.flush(10)
            assert delivery_status()["spool_depth"] == 5
            assert delivery_status()["store"] == "away"
        # Without a further event: the process looks by itself.
        wait_for(lambda: delivery_status()["outbox_depth"] == 5)
        assert delivery_status()["spool_depth"] == 0
        sentry.fail(None)
        wait_for(lambda: replay_outbox().state == "empty" and len(sentry.events()) == 5)

        assert sorted(event["event_id"] for event in sentry.events()) == sorted(given)
        assert delivery_status()["dropped"] == {}


def test_a_delivery_redis_did_not_hear_of_is_told_later(
    sentry: FaultySentry, spool_dir: Path, valkey: FrozenValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "POLL_SECONDS", 0.05)
    configure(valkey.url, spool_dir)
    gate, held = threading.Event(), threading.Event()

    def hold() -> None:
        held.set()
        gate.wait(20)

    with sdk(sentry.dsn) as transport:
        transport._worker.submit(hold)
        assert held.wait(20)
        capture()
        with valkey.frozen():
            gate.set()
            wait_for(lambda: len(sentry.events()) == 1)
            transport.flush(10)
        wait_for(lambda: delivery_status()["accepted"] == 1)

        assert replay_outbox().state == "empty"
        assert len(sentry.events()) == 1


def test_what_a_killed_process_left_in_the_spool_is_read_back_by_the_next(
    sentry: FaultySentry, store: Outbox, spool_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "POLL_SECONDS", 0.05)
    Spool(spool_dir).append(envelope_of("a" * 32, int(time.time() * 1000)), "gone", time.time())

    with sdk(sentry.dsn):
        wait_for(lambda: delivery_status()["outbox_depth"] == 1)
        assert replay_outbox().sent == 1


def test_without_any_room_a_refused_event_is_counted(sentry: FaultySentry, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    configure(REFUSED_URL, tmp_path / "file" / "spool")
    sentry.fail_with(500)
    with sdk(sentry.dsn):
        capture()
        wait_for(lambda: delivery_status()["dropped"] == {"status_500": 1})
