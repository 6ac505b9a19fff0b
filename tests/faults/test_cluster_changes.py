"""A cluster that changes while it is used: slots go to other nodes, nodes go for good, replicas come in their place."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.exceptions import ClusterError

from designs.context import RunContext
from designs.monitoring.errors.event import build_event
from designs.monitoring.errors.store import ErrorStore, RecordResult
from designs.monitoring.fingerprint import fingerprint_message
from integrations.redis import FailFastRedis, RedisUnavailable, Script
from tests.support.cluster import Cluster, cluster, gateway_to, nodes
from tests.support.stack import wait_for

__all__ = ["nodes"]

pytestmark = pytest.mark.slow

KEY = "{errors}totals"
THREADS = 4


def script_of(text: str) -> Script:
    """Return a script with this text instead of a file's."""
    script = Script("tests", "inline")
    vars(script)["text"] = text
    return script


COUNT = script_of("return redis.call('INCR', KEYS[1])")


@pytest.fixture
def gateway(nodes: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[FailFastRedis]:
    """A client that tries again at once, and that the store of this process uses."""
    nodes.flush()
    with gateway_to(nodes.url, breaker_seconds=0) as gateway:
        monkeypatch.setattr(ErrorStore, "redis", gateway)
        yield gateway


@pytest.fixture
def count(gateway: FailFastRedis) -> Callable[[], int]:
    """Count one, by a script, and return the count."""
    return lambda: gateway.script(COUNT, [KEY], [])


def table_of(gateway: FailFastRedis) -> Any:
    wires: Any = gateway._wires
    return wires._client.get_node_from_key(KEY).port


def connection_of(gateway: FailFastRedis) -> Any:
    """Return the client id of a connection for scripts."""
    wires: Any = gateway._wires
    wires = wires._wires_to("127.0.0.1", table_of(gateway))
    wire = wires.take()
    number = wire.ask("CLIENT", "ID")
    wires.give_back(wire)
    return number


def raise_(error: Exception) -> None:
    raise error


def answers(ask: Callable[[], Any]) -> bool:
    try:
        ask()
    except RedisUnavailable:
        return False
    return True


class TestSlots:
    def test_a_command_follows_a_slot_that_moved_since_it_was_learnt(
        self, nodes: Cluster, gateway: FailFastRedis, count: Callable[[], int]
    ) -> None:
        assert count() == 1
        target = nodes.other(nodes.owner(KEY))
        nodes.move_slot(KEY, target)
        assert table_of(gateway) != target.port

        assert [count(), count()] == [2, 3]
        assert table_of(gateway) == target.port

    def test_a_slot_that_moves_while_it_is_used_neither_loses_nor_doubles_a_count(
        self, nodes: Cluster, gateway: FailFastRedis
    ) -> None:
        store = ErrorStore()
        recorded = threading.Semaphore(0)
        counts, is_over = [0] * THREADS, threading.Event()

        def storm(number: int) -> None:
            while not is_over.is_set():
                record(store)
                counts[number] += 1
                recorded.release()

        threads = [threading.Thread(target=storm, args=[number]) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        for _ in range(3):
            for _ in range(50):
                assert recorded.acquire(timeout=20)
            target = nodes.other(nodes.owner(KEY))
            nodes.move_slot(KEY, target)
        is_over.set()
        for thread in threads:
            thread.join()
        store.close()
        wait_for(lambda: store.drain() == 0 and not store.backlog.unsettled)

        assert store.totals()["occurrences"] == sum(counts)
        assert store.groups()[0]["total"] == str(sum(counts))
        assert table_of(gateway) == target.port

    def test_a_slot_on_its_way_key_by_key_holds_records_back(self, nodes: Cluster, gateway: FailFastRedis) -> None:
        store = ErrorStore()
        with nodes.moving(KEY):
            with pytest.raises(RedisUnavailable, match=r"ASK|TRYAGAIN") as info:
                gateway.script(COUNT, [KEY, "{errors}ring"], [])
            record(store)
            assert store.backlog
        wait_for(lambda: store.drain() == 0 and not store.backlog.unsettled)

        assert not info.value.asked
        assert store.totals()["occurrences"] == 1

    def test_a_script_that_loses_its_slot_half_way_may_have_counted(
        self, nodes: Cluster, gateway: FailFastRedis
    ) -> None:
        script = script_of("redis.call('INCR', KEYS[1]) return redis.call('GET', '{errors}nothing')")
        gateway.script(script, [KEY], [])
        with nodes.moving(KEY), pytest.raises(RedisUnavailable) as info:
            gateway.script(script, [KEY], [])

        assert info.value.asked

    def test_readers_follow_a_slot_too(self, nodes: Cluster, gateway: FailFastRedis) -> None:
        gateway.run(lambda client: client.set(KEY, "a"))
        nodes.move_slot(KEY, nodes.other(nodes.owner(KEY)))

        assert gateway.run(lambda client: client.get(KEY)) == b"a"
        assert gateway.run(lambda client: client.pipeline(transaction=False).get(KEY).execute()) == [b"a"]

    def test_a_reader_that_is_sent_to_a_node_it_does_not_know_learns_of_it(
        self, nodes: Cluster, gateway: FailFastRedis
    ) -> None:
        gateway.run(lambda client: client.ping())
        wires: Any = gateway._wires
        target = nodes.other(nodes.owner(KEY))
        with nodes.moving(KEY):
            wires._client.nodes_manager.nodes_cache.pop(f"127.0.0.1:{target.port}")
            with pytest.raises(RedisUnavailable):
                gateway.run(lambda client: client.get(KEY))
            assert gateway.run(lambda client: client.get(KEY)) is None


class TestNodes:
    def test_after_any_failure_the_nodes_are_learnt_anew(self, gateway: FailFastRedis) -> None:
        wires: Any = gateway._wires
        cluster_down = script_of("return redis.error_reply('CLUSTERDOWN Hash slot not served')")
        gateway.run(lambda client: client.ping())
        before = wires._client
        with pytest.raises(RedisUnavailable) as info:
            gateway.script(cluster_down, [KEY], [])
        assert not info.value.asked
        gateway.run(lambda client: client.ping())
        assert wires._client is not before

        for error in (redis.ConnectionError(), redis.TimeoutError(), ClusterError()):
            gateway.run(lambda client: client.ping())
            before = wires._client
            with pytest.raises(RedisUnavailable):
                gateway.run(lambda client, error=error: raise_(error))
            gateway.run(lambda client: client.ping())
            assert wires._client is not before

    def test_a_node_that_died_is_unavailable_at_once_and_used_when_it_is_back(
        self, nodes: Cluster, gateway: FailFastRedis, count: Callable[[], int]
    ) -> None:
        count()
        owner = nodes.owner(KEY)
        owner.kill()
        try:
            for ask in (count, lambda: gateway.run(lambda client: client.get(KEY))):
                began = time.monotonic()
                assert not answers(ask)
                assert time.monotonic() - began < 1
        finally:
            owner.start()
        nodes.wait_until_ok()

        wait_for(lambda: answers(count))

    def test_a_promoted_replica_is_found(self, tmp_path: Path) -> None:
        with cluster(tmp_path) as nodes, gateway_to(nodes.url, breaker_seconds=0) as gateway:
            gateway.script(COUNT, [KEY], [])
            owner = nodes.owner(KEY)
            replica = nodes.replica_of(owner)
            wait_for(lambda: owner.has_handed_on("{errors}mark"))
            owner.kill()
            with pytest.raises(RedisUnavailable):
                gateway.script(COUNT, [KEY], [])
            replica.client.execute_command("CLUSTER", "FAILOVER", "TAKEOVER")

            wait_for(lambda: answers(lambda: gateway.script(COUNT, [KEY], [])))
            assert table_of(gateway) == replica.port
            assert gateway.script(COUNT, [KEY], []) == 3

    def test_a_cluster_that_was_away_at_the_start_is_used_when_it_comes(self, nodes: Cluster) -> None:
        for node in nodes.nodes:
            node.kill()
        try:
            with gateway_to(nodes.url, breaker_seconds=60) as gateway:
                with pytest.raises(RedisUnavailable) as info:
                    gateway.script(COUNT, [KEY], [])
                assert not info.value.asked
                assert gateway.is_open
                for node in nodes.nodes:
                    node.start()
                nodes.wait_until_ok()
                gateway.close_breaker()
                assert gateway.script(COUNT, [KEY], []) == 1
        finally:
            for node in nodes.nodes:
                node.start()
            nodes.wait_until_ok()

    def test_a_silent_node_costs_its_timeout_once_however_many_commands_wait(
        self, nodes: Cluster, gateway: FailFastRedis
    ) -> None:
        gateway.run(lambda client: client.set(KEY, 0))
        owner = nodes.owner(KEY)

        def count_often(client: Any) -> None:
            pipe = client.pipeline(transaction=False)
            for _ in range(10):
                pipe.incr(KEY)
            pipe.execute()

        with owner.frozen():
            began = time.monotonic()
            with pytest.raises(RedisUnavailable) as info:
                gateway.run(count_often)
            assert time.monotonic() - began < 1
        assert info.value.asked
        wait_for(lambda: answers(lambda: gateway.run(lambda client: client.get(KEY))))
        assert int(owner.client.get(KEY)) <= 10


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_has_nodes_and_locks_of_its_own(
    gateway: FailFastRedis, count: Callable[[], int], tmp_path: Path
) -> None:
    count()
    number = connection_of(gateway)
    wires: Any = gateway._wires
    is_held, may_go = threading.Event(), threading.Event()

    def hold() -> None:
        with wires._lock, wires._client._lock, wires._client.nodes_manager._lock:
            is_held.set()
            may_go.wait(20)

    holder = threading.Thread(target=hold)
    holder.start()
    is_held.wait(20)
    told = tmp_path / "told"
    pid = os.fork()
    if not pid:
        try:
            read = gateway.run(lambda client: client.get(KEY)).decode()
            told.write_text(f"{count()} {read} {connection_of(gateway) != number}")
            # What was the parent's closes without its locks.
            gc.collect()
        finally:
            os._exit(0)
    try:
        wait_for(lambda: os.waitpid(pid, os.WNOHANG)[0] == pid, seconds=5)
    except AssertionError:
        os.kill(pid, signal.SIGKILL)
        raise
    finally:
        may_go.set()
        holder.join()

    assert told.read_text() == "2 1 True"
    assert count() == 3
    assert connection_of(gateway) == number


def record(store: ErrorStore) -> RecordResult:
    return store.record(build_event("a", RunContext()), fingerprint_message("a"))
