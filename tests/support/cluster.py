"""A Valkey cluster of three nodes, and what may happen to it: slots that move, nodes that die, replicas."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from redis.crc import key_slot

from enginel.local.stack import free_port
from integrations.redis import FailFastRedis
from tests.support.stack import wait_for
from tests.support.valkeys import DATA, Valkey

NODES = 3
SLOTS = 16_384


class Cluster:
    """A running cluster; its nodes share all slots."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.nodes = [self._node() for _ in range(NODES)]
        self.url = f"redis+cluster://{','.join(f'127.0.0.1:{node.port}' for node in self.nodes)}"
        share = SLOTS // NODES
        for number, node in enumerate(self.nodes):
            last = SLOTS - 1 if number == NODES - 1 else (number + 1) * share - 1
            node.client.execute_command("CLUSTER", "ADDSLOTSRANGE", number * share, last)
            node.client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for node in self.nodes[1:]:
            self._meet(node)
        self.wait_until_ok()

    def _node(self) -> Valkey:
        bus = free_port()
        lines = ("cluster-enabled yes", "cluster-node-timeout 2000", f"cluster-port {bus}")
        return Valkey(self.folder / str(bus), *DATA, *lines)

    def _meet(self, node: Valkey) -> None:
        bus = node.client.config_get("cluster-port")["cluster-port"]
        self.nodes[0].client.execute_command("CLUSTER", "MEET", "127.0.0.1", node.port, bus)

    def wait_until_ok(self) -> None:
        for node in self.nodes:
            wait_for(lambda node=node: node.client.cluster("INFO")["cluster_state"] == "ok", seconds=30)

    def owner(self, key: str) -> Valkey:
        """Return the node that holds a key's slot, in its own opinion."""
        return next(node for node in self.nodes if _holds(node, key_slot(key.encode())))

    def other(self, node: Valkey) -> Valkey:
        return next(other for other in self.nodes if other is not node)

    def move_slot(self, key: str, target: Valkey) -> None:
        """Move a key's slot with all that is in it, at once for whoever uses it."""
        slot = key_slot(key.encode())
        self.owner(key).client.execute_command(
            "CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", slot, slot, "NODE", identity(target)
        )
        wait_for(lambda: _holds(target, slot))

    @contextmanager
    def moving(self, key: str) -> Iterator[None]:
        """Let a key's slot be on the way, key by key, as older tools move it."""
        slot, source = key_slot(key.encode()), self.owner(key)
        target = self.other(source)
        target.client.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", identity(source))
        source.client.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", identity(target))
        try:
            yield
        finally:
            for node in (source, target):
                node.client.execute_command("CLUSTER", "SETSLOT", slot, "STABLE")

    def replica_of(self, master: Valkey) -> Valkey:
        """Add a replica that has caught up and that all know."""
        replica = self._node()
        self.nodes.append(replica)
        self._meet(replica)
        wait_for(lambda: _knows(replica, master, "master"))
        replica.client.execute_command("CLUSTER", "REPLICATE", identity(master))
        wait_for(lambda: replica.client.info("replication")["master_link_status"] == "up")
        for node in self.nodes:
            wait_for(lambda node=node: _knows(node, replica, f"slave {identity(master)}"))
        return replica

    def flush(self) -> None:
        for node in self.nodes:
            node.client.flushall()

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()


def identity(node: Valkey) -> str:
    return str(node.client.execute_command("CLUSTER", "MYID").decode())


def _holds(node: Valkey, slot: int) -> bool:
    if not node.answers():
        return False
    own = identity(node).encode()
    ranges = node.client.execute_command("CLUSTER", "SLOTS")
    return any(first <= slot <= last and holder[2] == own for first, last, holder, *_ in ranges)


def _knows(node: Valkey, other: Valkey, what: str) -> bool:
    lines = node.client.execute_command("CLUSTER", "NODES").decode().splitlines()
    return any(line.startswith(identity(other)) and what in line for line in lines)


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """Give a running cluster."""
    made = Cluster(folder)
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster for the tests of a module."""
    with cluster(tmp_path_factory.mktemp("cluster")) as nodes:
        yield nodes


@contextmanager
def gateway_to(url: str, **options: float) -> Iterator[FailFastRedis]:
    """Give a client whose connections do not outlive the test."""
    gateway = FailFastRedis(url, **options)
    wires: Any = gateway._wires
    try:
        yield gateway
    finally:
        for client in filter(None, (wires._client, *wires._retired)):
            client.close()
