"""A cluster whose nodes do not answer; `tests/faults/test_cluster_changes.py` has one that does."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.exceptions import ClusterDownError, ClusterError, MovedError, TryAgainError

from integrations.redis import FailFastRedis, RedisUnavailable, Script
from integrations.redis.cluster import _with_host
from tests.support.stack import wait_for
from tests.support.valkeys import DATA, Valkey

REFUSED_CLUSTER = "redis+cluster://:hunter2@127.0.0.1:1,127.0.0.1:2"
REFUSED_SENTINEL = "redis+sentinel://:hunter2@127.0.0.1:1,127.0.0.1:2/x"
SILENT_NODES = 4
TIMEOUT_SECONDS = 0.5


@pytest.fixture
def silent() -> Iterator[list[socket.socket]]:
    """Return listeners that accept connections and send nothing."""
    with ExitStack() as listeners:
        yield [listeners.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(SILENT_NODES)]


def url_of(form: str, listeners: list[socket.socket]) -> str:
    return form.format(",".join(f"127.0.0.1:{listener.getsockname()[1]}" for listener in listeners))


def ping(gateway: FailFastRedis) -> Any:
    return gateway.run(lambda client: client.ping())


def script(gateway: FailFastRedis) -> Any:
    return gateway.script(Script("integrations.celery", "beat"), ["{b}", "{b}:facts"], ["a", "{}", 1])


@pytest.mark.parametrize("url", [REFUSED_CLUSTER, REFUSED_SENTINEL])
def test_where_nobody_listens_scripts_fail_at_once_and_nothing_was_asked(url: str) -> None:
    gateway = FailFastRedis(url)
    began = time.monotonic()
    with pytest.raises(RedisUnavailable) as info:
        script(gateway)

    assert time.monotonic() - began < 0.2
    assert not info.value.asked
    assert gateway.is_open
    assert "hunter2" not in f"{info.value} {info.value.__cause__!r} {gateway!r}"


@pytest.mark.parametrize("url", [REFUSED_CLUSTER, REFUSED_SENTINEL])
def test_where_nobody_listens_commands_fail_at_once(url: str) -> None:
    gateway = FailFastRedis(url)
    with pytest.raises(RedisUnavailable) as info:
        ping(gateway)

    assert gateway.is_open
    assert "hunter2" not in f"{info.value} {info.value.__cause__!r}"


@pytest.mark.parametrize("form", ["redis+cluster://{}", "redis+sentinel://{}/x"])
def test_a_node_that_did_not_answer_is_asked_last_the_next_time(silent: list[socket.socket], form: str) -> None:
    gateway = FailFastRedis(url_of(form, silent), timeout_seconds=0.1, breaker_seconds=0)
    for _ in silent:
        with pytest.raises(RedisUnavailable):
            script(gateway)

    for listener in silent:
        listener.setblocking(False)
        listener.accept()[0].close()


@pytest.mark.parametrize("form", ["redis+cluster://{}", "redis+sentinel://{}/x"])
def test_silent_nodes_cost_one_timeout_whatever_their_number(silent: list[socket.socket], form: str) -> None:
    """Concurrent callers wait for one timeout together, not one after the other."""
    gateway = FailFastRedis(url_of(form, silent), timeout_seconds=TIMEOUT_SECONDS, breaker_seconds=0)
    outcomes: list[bool] = []

    def call() -> None:
        try:
            script(gateway)
        except RedisUnavailable as error:
            outcomes.append(error.asked)

    threads = [threading.Thread(target=call) for _ in range(4)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert time.monotonic() - began < 2 * TIMEOUT_SECONDS
    assert outcomes == [False] * 4


@pytest.mark.parametrize("form", ["redis+cluster://{}", "redis+sentinel://{},127.0.0.1:1/x"])
def test_a_server_that_is_none_is_an_outage_and_left_alone(tmp_path: Path, form: str) -> None:
    server = Valkey(tmp_path / "server", *DATA)
    gateway = FailFastRedis(form.format(f"127.0.0.1:{server.port}"))
    wires: Any = gateway._wires
    try:
        with pytest.raises(RedisUnavailable):
            ping(gateway)
        if "sentinel" in form:
            manager = wires.client.connection_pool.sentinel_manager
            asked_last = manager.sentinels[-2:]
            manager.close()
            assert [each.get_connection_kwargs()["port"] for each in asked_last] == [server.port, 1]
        wait_for(lambda: len(server.client.client_list()) == 1)
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("error", "asked"),
    [
        (MovedError("1 a:1", status_code="MOVED"), False),
        (TryAgainError("Multiple keys request", status_code="TRYAGAIN"), False),
        (ClusterDownError("Hash slot not served", status_code="CLUSTERDOWN"), False),
        (redis.exceptions.NoPermissionError("this user", status_code="NOPERM"), False),
        (ClusterError("TTL exhausted."), True),
    ],
    ids=repr,
)
def test_what_redis_py_makes_of_a_cluster_in_trouble_is_an_outage(error: Exception, asked: bool) -> None:
    gateway = FailFastRedis("redis://127.0.0.1:1")

    def fail(client: redis.Redis) -> None:
        raise error

    with pytest.raises(RedisUnavailable) as info:
        gateway.run(fail)
    assert info.value.asked is asked


def test_a_node_that_leaves_its_own_name_out_means_the_one_that_was_asked() -> None:
    here, elsewhere = (_with_host(MovedError(f"7 {to}"), "a") for to in (":2", "b:2"))

    assert (here.slot_id, here.host, here.port) == (7, "a", 2)
    assert (elsewhere.host, elsewhere.port) == ("b", 2)
