"""Behind Sentinel commands go to the master, and to the next one after a failover."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integrations.redis import FailFastRedis, RedisUnavailable, Script
from tests.support.sentinel import Watched, watched
from tests.support.stack import wait_for

pytestmark = pytest.mark.slow

PASSWORD = "hunter2"
MERGE = Script("designs.monitoring.metrics", "merge_metrics")
KEYS = ["{m:x}", "{m:x}seen", "{m:x}guard"]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with watched(tmp_path_factory.mktemp("sentinel") / "servers", PASSWORD) as servers:
        yield servers


@pytest.fixture
def gateway(servers: Watched) -> Iterator[FailFastRedis]:
    """A client that tries again at once."""
    servers.master().client.flushall()
    gateway = FailFastRedis(servers.url, breaker_seconds=0)
    yield gateway
    wires: Any = gateway._wires
    wires.drop_idle()
    wires.client.connection_pool.disconnect()
    wires.client.connection_pool.sentinel_manager.close()


def count(gateway: FailFastRedis, sequence: int) -> int:
    """Add one to a counter, unless the sequence has been added before."""
    batch = '[[],[["n",1,true]],[]]'
    answer: int = gateway.script(MERGE, KEYS, [sequence, batch, 3600, time.time(), 3600, 0])
    return answer


def counted(gateway: FailFastRedis) -> bytes | None:
    return gateway.run(lambda client: client.hget(KEYS[0], "c|n"))  # type: ignore[return-value]


def connection_of(gateway: FailFastRedis) -> Any:
    """Return the client id of a connection for scripts."""
    wires: Any = gateway._wires
    wire = wires.take()
    number = wire.ask("CLIENT", "ID")
    wires.give_back(wire)
    return number


def test_commands_and_scripts_go_to_the_master(servers: Watched, gateway: FailFastRedis) -> None:
    assert count(gateway, 1) == 1
    assert counted(gateway) == b"1"
    assert servers.master().client.hget(KEYS[0], "c|n") == b"1"


def test_after_a_failover_the_next_commands_go_to_the_new_master(servers: Watched, gateway: FailFastRedis) -> None:
    """The first one reaches a replica and is not carried out; the idle connections are closed with its own."""
    wires: Any = gateway._wires
    for wire in [wires.take() for _ in range(3)]:
        wires.give_back(wire)
    assert count(gateway, 1) == 1
    old = servers.master()
    servers.fail_over()

    with pytest.raises(RedisUnavailable, match="READONLY") as info:
        count(gateway, 2)
    assert not info.value.asked
    assert count(gateway, 2) == 1
    assert counted(gateway) == b"2"
    assert servers.master() is not old
    assert servers.master().client.hget(KEYS[0], "c|n") == b"2"


def test_a_write_of_redis_py_finds_the_new_master_too(servers: Watched, gateway: FailFastRedis) -> None:
    gateway.run(lambda client: client.set("a", 1))
    servers.fail_over()
    with pytest.raises(RedisUnavailable):
        gateway.run(lambda client: client.incr("a"))

    assert gateway.run(lambda client: client.incr("a")) == 2


def test_a_master_that_died_is_replaced(servers: Watched, gateway: FailFastRedis) -> None:
    """The sentinel notices after a second, and promotes the replica."""
    wires: Any = gateway._wires
    for wire in [wires.take() for _ in range(3)]:
        wires.give_back(wire)
    old = servers.master()
    with old.frozen():
        began = time.monotonic()
        with pytest.raises(RedisUnavailable) as info:
            count(gateway, 1)
        assert time.monotonic() - began < 1
        assert info.value.asked
        wait_for(lambda: servers.master() is not old)

        began = time.monotonic()
        assert count(gateway, 2) == 1
        assert time.monotonic() - began < 1
    old.client.replicaof("127.0.0.1", servers.master().port)
    wait_for(servers.master().has_handed_on)


def test_a_sentinel_that_is_away_is_an_outage_in_which_nothing_was_asked(servers: Watched) -> None:
    gateway = FailFastRedis(servers.url, breaker_seconds=0)
    servers.sentinel.kill()
    try:
        with pytest.raises(RedisUnavailable) as info:
            count(gateway, 1)
        assert not info.value.asked
        assert PASSWORD not in f"{info.value!r} {info.value.__cause__!r} {gateway!r}"
    finally:
        servers.sentinel.start()


def test_a_forked_child_asks_for_a_connection_of_its_own(gateway: FailFastRedis, tmp_path: Path) -> None:
    assert count(gateway, 1) == 1
    number = connection_of(gateway)
    told = tmp_path / "told"
    pid = os.fork()
    if not pid:
        try:
            told.write_text(f"{count(gateway, 2)} {int(counted(gateway) or 0)} {connection_of(gateway) != number}")
        finally:
            os._exit(0)
    os.waitpid(pid, 0)

    assert told.read_text() == "1 2 True"
    assert count(gateway, 3) == 1
    assert connection_of(gateway) == number
