"""Health while Redis is killed, frozen, read-only and out of memory."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.test import override_settings

from enginel.local.stack import free_port
from enginel.local.valkey import EmbeddedValkey
from tests.support.health_probes import Probes, Usage, answered_in_time, endure, recovers
from tests.support.outage import own_valkey

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    with own_valkey(tmp_path) as valkey, override_settings(REDIS_URL=valkey.url):
        yield valkey.server


def command(server: EmbeddedValkey, *words: str) -> Any:
    client = redis.Redis.from_url(server.url)
    try:
        return client.execute_command(*words)
    finally:
        client.close()


def kill(server: EmbeddedValkey) -> Callable[[], object]:
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    server.stop()
    return server.start


def freeze(server: EmbeddedValkey) -> Callable[[], object]:
    pid = server.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    return lambda: os.kill(pid, signal.SIGCONT)


def make_read_only(server: EmbeddedValkey) -> Callable[[], object]:
    command(server, "REPLICAOF", "127.0.0.1", str(free_port()))
    return lambda: command(server, "REPLICAOF", "NO", "ONE")


def fill(server: EmbeddedValkey) -> Callable[[], object]:
    command(server, "CONFIG", "SET", "maxmemory", "1")
    return lambda: command(server, "CONFIG", "SET", "maxmemory", "0")


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (kill, "does not answer"),
        (freeze, "does not answer"),
        (make_read_only, "refuses writes"),
        (fill, "out of memory"),
    ],
)
def test_redis_fails_and_comes_back(server: EmbeddedValkey, break_it: Any, message: str) -> None:
    probes = Probes("redis")
    assert probes.is_healthy()
    before = Usage.now()

    mend = break_it(server)
    try:
        assert answered_in_time(probes) == (503, "unhealthy", message)
        endure(probes)
    finally:
        recovers(probes, mend)

    assert before.covers(Usage.now())
    clients = {client["id"] for client in redis.Redis.from_url(server.url).client_list()}
    assert len(clients) <= 6


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"maxmemory": "100mb", "maxmemory-policy": "allkeys-lru"}, "may evict what others need"),
        ({"maxmemory": "used"}, "more than 90 % of its memory is used"),
    ],
)
def test_what_will_fail_soon_is_degraded(server: EmbeddedValkey, setting: dict[str, str], message: str) -> None:
    probes = Probes("redis")
    used = int(redis.Redis.from_url(server.url).info("memory")["used_memory"])
    for name, value in setting.items():
        command(server, "CONFIG", "SET", name, str(int(used * 1.05)) if value == "used" else value)

    status, state, said = answered_in_time(probes)

    assert (status, state) == (200, "degraded")
    assert said.startswith(message)
