"""A cluster: each script goes to the node that holds the slot of its first key.

redis-py learns who holds which slot, when the first command asks for it. A node that says where a slot went corrects
that; whatever else fails makes us learn it anew with the next command, a breaker's window later, so that a promoted
replica is found.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import redis
from redis.cluster import ClusterNode, ClusterPipeline, RedisCluster
from redis.exceptions import ClusterError, MovedError, RedisClusterException, SlotNotCoveredError, TryAgainError

from integrations.redis.connection import NotConnected
from integrations.redis.scripts import Script, ScriptWires
from integrations.redis.server import fail_fast_options, own_commands
from integrations.redis.url import TopologyAddress

__all__ = ["Cluster"]

T = TypeVar("T")

# A script found a key of its slot gone to another node, after its first commands.
_HALF_DONE = "non local key in a cluster node"


class Cluster:
    """The nodes of a cluster: a client of redis-py for all, and wires of our own to each. Thread-safe."""

    def __init__(self, address: TopologyAddress, timeout_seconds: float, most: int) -> None:
        self._address = address
        self._timeout_seconds = timeout_seconds
        self._most = most
        self._client: _Client | None = None
        self.reset()

    def reset(self) -> None:
        """Forget all nodes: after a fork the connections are the parent's."""
        if self._client is not None:
            self._client.take_over_locks()
        self._client = None
        self._left: list[_Client] = []
        self._wires: dict[tuple[str, int], ScriptWires] = {}
        self._to_ask = deque(self._address.nodes)
        self._failures = 0
        self._lock = threading.RLock()

    def run(self, command: Callable[[redis.Redis], T]) -> T:
        """Run a command on redis-py's client, which finds the nodes by itself."""
        client = self._client or self._learned()
        try:
            return command(cast("redis.Redis", client))
        except RedisClusterException as error:
            # With a cause: the client looked for the nodes again, in vain. Without one: the command is at fault.
            if error.__cause__ is None and not isinstance(error, SlotNotCoveredError):
                raise
            self._forget(client)
            raise redis.ConnectionError("no node of the cluster answers") from error
        except (redis.ConnectionError, redis.TimeoutError, ClusterError):
            self._forget(client)
            raise

    def evaluate(self, script: Script, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Run a script where its first key is, as `ScriptWires.evaluate` does; once more where a node says it went."""
        client = self._client or self._learned()
        node = self._node_of(client, keys[0])
        try:
            return self._evaluate_at(node, client, script, keys, args)
        except redis.ResponseError as error:
            moved = _moved(error, node[0])
            if moved is None:
                raise
        # Where it was asked nothing was carried out.
        client.nodes_manager.move_slot(moved)
        return self._evaluate_at((moved.host, moved.port), client, script, keys, args)

    def _evaluate_at(
        self, node: tuple[str, int], client: _Client, script: Script, keys: Sequence[str], args: Sequence[Any]
    ) -> Any:
        try:
            return self._wires_to(*node).evaluate(script, keys, args)
        except redis.ResponseError as error:
            if str(error).startswith("CLUSTERDOWN"):
                self._forget(client)
            if _HALF_DONE in str(error):
                # Nobody can tell how far it came: it may have been carried out.
                raise redis.ConnectionError("a slot moved under a script") from error
            raise
        except (NotConnected, redis.ConnectionError, redis.TimeoutError):
            self._forget(client)
            raise

    def _node_of(self, client: _Client, key: str) -> tuple[str, int]:
        try:
            node = client.get_node_from_key(key)  # type: ignore[no-untyped-call]
        except SlotNotCoveredError as error:
            self._forget(client)
            raise NotConnected("no node holds the slot") from error
        return node.host, node.port

    def _wires_to(self, host: str, port: int) -> ScriptWires:
        wires = self._wires.get((host, port))
        if wires is None:
            wires = ScriptWires(self._pool(host, port), self._timeout_seconds, self._most)
            wires = self._wires.setdefault((host, port), wires)
        return wires

    def _pool(self, host: str, port: int) -> redis.ConnectionPool:
        options = {**fail_fast_options(self._timeout_seconds), **self._address.options}
        if self._address.is_tls:
            options["connection_class"] = redis.SSLConnection
        return redis.ConnectionPool(host=host, port=port, **options)

    def _forget(self, client: _Client) -> None:
        with self._lock:
            if self._client is client:
                self._client = None
                # Closed later: another thread may be in the middle of a command.
                self._left.append(client)

    def _learned(self) -> _Client:
        failures = self._failures
        with self._lock:
            if self._client is None:
                if self._failures != failures:
                    # Whoever waited for somebody else's attempt need not wait for one of its own.
                    raise NotConnected("no node of the cluster answers")
                self._client = self._learn()
            return self._client

    def _learn(self) -> _Client:
        deadline = time.monotonic() + self._timeout_seconds
        for _ in range(len(self._to_ask)):
            node = self._to_ask[0]
            # Asked last the next time, whether it fails now or knows less than others.
            self._to_ask.rotate(-1)
            client = self._client_from(node)
            if client is not None:
                self._know(client)
                return client
            if time.monotonic() > deadline:
                break
        self._failures += 1
        raise NotConnected("no node of the cluster answers")

    def _client_from(self, address: tuple[str, int]) -> _Client | None:
        options = {
            "max_connections": self._most, **fail_fast_options(self._timeout_seconds), **self._address.options
        }  # fmt: skip
        del options["db"]
        node = None
        try:
            node = ClusterNode(*address)  # type: ignore[no-untyped-call]
            with own_commands():
                return _Client(
                    startup_nodes=[node],
                    dynamic_startup_nodes=False, require_full_coverage=False,
                    ssl=self._address.is_tls, **options,
                )  # fmt: skip
        except (redis.RedisError, RedisClusterException, OSError, LookupError):
            if node is not None and node.redis_connection is not None:
                # The collector would, some time.
                node.redis_connection.close()
            return None

    def _know(self, client: _Client) -> None:
        """Remember whom else to ask, and let go of who is no longer one of them."""
        nodes = [(node.host, node.port) for node in client.get_nodes()]  # type: ignore[no-untyped-call]
        known = {*nodes, *self._address.nodes}
        self._to_ask = deque(dict.fromkeys([*(node for node in self._to_ask if node in known), *nodes]))
        for gone in set(self._wires).difference(nodes):
            self._wires.pop(gone).drop_idle()
        while self._left:
            self._left.pop().close()


class _Client(RedisCluster):
    """redis-py's client of a cluster, that gives up where its own would try again."""

    # A command is redirected twice at most.
    RedisClusterRequestTTL = 3

    def get_node(self, host: str | None = None, port: int | None = None, node_name: str | None = None) -> ClusterNode:
        node: ClusterNode | None = super().get_node(host, port, node_name)  # type: ignore[no-untyped-call]
        if node is None:
            # A key is on its way to a node so new that it is not known; redis-py would trip over it.
            raise TryAgainError("unknown node", status_code="TRYAGAIN")
        return node

    def pipeline(self, transaction: Any = None, shard_hint: Any = None) -> ClusterPipeline:
        pipe: ClusterPipeline = super().pipeline(transaction, shard_hint)  # type: ignore[no-untyped-call]
        follow: Any = pipe.parent_execute_command

        def only_redirected(*args: Any, **options: Any) -> Any:
            for command in pipe._execution_strategy.command_queue:  # noqa: SLF001 - no other way to see what failed
                if command.args == args and isinstance(command.result, redis.ConnectionError | redis.TimeoutError):
                    raise command.result
            return follow(*args, **options)

        pipe.parent_execute_command = only_redirected
        return pipe

    def take_over_locks(self) -> None:
        """Put free locks in the place of those that another thread may have held while the process forked."""
        self._lock = self.nodes_manager._lock = threading.RLock()  # noqa: SLF001 - closing it takes them


def _moved(error: redis.ResponseError, asked_host: str) -> MovedError | None:
    code, _, where = str(error).partition(" ")
    if code != "MOVED":
        return None
    moved = MovedError(where)
    # A node that does not know its own name leaves it out: it means the one asked.
    moved.host = moved.host or asked_host
    return moved
