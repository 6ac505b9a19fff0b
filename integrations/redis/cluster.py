"""Redis Cluster client: each script goes to the node that holds the slot of its first key.

redis-py loads the slot table with the first command. ``MOVED`` corrects one slot of it. After any other failure the
next command, a breaker window later, loads the table again and finds a promoted replica.

``RedisCluster`` does not route the scripts, for two reasons. In a storm of 8 threads a whole ``log_error`` takes 350 us
through it and 165 us here (redis-py 8.1, median of 7 alternating rounds, three nodes on one machine). And it repeats
commands: it follows ``ASK``, retries ``TRYAGAIN`` and reloads the table within the failing call. An outage in which
nothing was carried out then looks like one in which the script may have counted.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import redis
from redis.cluster import ClusterNode, ClusterPipeline, RedisCluster
from redis.exceptions import (
    ClusterDownError,
    ClusterError,
    MovedError,
    RedisClusterException,
    SlotNotCoveredError,
    TryAgainError,
)

from integrations.redis.connection import NotConnected
from integrations.redis.scripts import Script, ScriptWires
from integrations.redis.server import fail_fast_options, own_commands
from integrations.redis.url import TopologyAddress

__all__ = ["Cluster"]

T = TypeVar("T")

# Error text of a script that finds a key of its slot on another node, after its first commands.
_HALF_DONE = "non local key in a cluster node"


class Cluster:
    """The nodes of a cluster: redis-py's client, and a pool of connections for scripts to each. Thread-safe."""

    def __init__(self, address: TopologyAddress, timeout_seconds: float, most: int) -> None:
        self._address = address
        self._timeout_seconds = timeout_seconds
        self._most = most
        self._client: _Client | None = None
        self.reset()

    def reset(self) -> None:
        """Forget all nodes: after a fork the connections belong to the parent."""
        if self._client is not None:
            self._client.take_over_locks()
        self._client = None
        self._retired: list[_Client] = []
        self._wires: dict[tuple[str, int], ScriptWires] = {}
        self._candidates = deque(self._address.nodes)
        self._failed_attempts = 0
        self._lock = threading.RLock()

    def run(self, command: Callable[[redis.Redis], T]) -> T:
        """Run a command on redis-py's client, which routes it."""
        client = self._client or self._current_client()
        try:
            return command(cast("redis.Redis", client))
        except RedisClusterException as error:
            # With a cause, the client failed to reload the slot table. Without one, the command is wrong.
            if error.__cause__ is None and not isinstance(error, SlotNotCoveredError):
                raise
            self._forget(client)
            raise redis.ConnectionError("no node of the cluster answers") from error
        except (redis.ConnectionError, redis.TimeoutError, ClusterError):
            self._forget(client)
            raise

    def evaluate(self, script: Script, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Run a script on the node of its first key, as `ScriptWires.evaluate` does; follow ``MOVED`` once."""
        client = self._client or self._current_client()
        node = self._node_of(client, keys[0])
        try:
            return self._evaluate_at(node, client, script, keys, args)
        except MovedError as error:
            moved = _with_host(error, node[0])
        # The node that was asked carried out nothing.
        client.nodes_manager.move_slot(moved)
        return self._evaluate_at((moved.host, moved.port), client, script, keys, args)

    def _evaluate_at(
        self, node: tuple[str, int], client: _Client, script: Script, keys: Sequence[str], args: Sequence[Any]
    ) -> Any:
        try:
            return self._wires_to(*node).evaluate(script, keys, args)
        except redis.ResponseError as error:
            if isinstance(error, ClusterDownError):
                self._forget(client)
            if _HALF_DONE in str(error):
                # Its first commands may have been carried out.
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
            wires = ScriptWires(self._pool(host, port), self._most)
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
                # Closed later: another thread may still use it.
                self._retired.append(client)

    def _current_client(self) -> _Client:
        failures = self._failed_attempts
        with self._lock:
            if self._client is None:
                if self._failed_attempts != failures:
                    # Another thread has just failed while this one waited; a second attempt would double the wait.
                    raise NotConnected("no node of the cluster answers")
                self._client = self._connect()
            return self._client

    def _connect(self) -> _Client:
        deadline = time.monotonic() + self._timeout_seconds
        for _ in range(len(self._candidates)):
            node = self._candidates[0]
            # Move it to the end, whether it fails or has an outdated table.
            self._candidates.rotate(-1)
            client = self._client_from(node)
            if client is not None:
                self._remember(client)
                return client
            if time.monotonic() > deadline:
                break
        self._failed_attempts += 1
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
                # Otherwise it stays open until the garbage collector runs.
                node.redis_connection.close()
            return None

    def _remember(self, client: _Client) -> None:
        """Remember the nodes to load the table from, and close connections to former nodes."""
        nodes = [(node.host, node.port) for node in client.get_nodes()]  # type: ignore[no-untyped-call]
        known = {*nodes, *self._address.nodes}
        self._candidates = deque(dict.fromkeys([*(node for node in self._candidates if node in known), *nodes]))
        for gone in set(self._wires).difference(nodes):
            self._wires.pop(gone).drop_idle()
        while self._retired:
            self._retired.pop().close()


class _Client(RedisCluster):
    """redis-py's cluster client without its retries."""

    # Follow two redirections at most.
    RedisClusterRequestTTL = 3

    def get_node(self, host: str | None = None, port: int | None = None, node_name: str | None = None) -> ClusterNode:
        node: ClusterNode | None = super().get_node(host, port, node_name)  # type: ignore[no-untyped-call]
        if node is None:
            # A key moves to a node that is not in the table yet; redis-py would fail on None.
            raise TryAgainError("unknown node", status_code="TRYAGAIN")
        return node

    def pipeline(self, transaction: Any = None, shard_hint: Any = None) -> ClusterPipeline:
        pipe: ClusterPipeline = super().pipeline(transaction, shard_hint)  # type: ignore[no-untyped-call]
        follow: Any = pipe.parent_execute_command

        def only_redirected(*args: Any, **options: Any) -> Any:
            for command in pipe._execution_strategy.command_queue:  # noqa: SLF001 - the only way to see which command failed
                if command.args == args and isinstance(command.result, redis.ConnectionError | redis.TimeoutError):
                    raise command.result
            return follow(*args, **options)

        pipe.parent_execute_command = only_redirected
        return pipe

    def take_over_locks(self) -> None:
        """Replace locks that another thread may have held during the fork."""
        self._lock = self.nodes_manager._lock = threading.RLock()  # noqa: SLF001 - close() acquires them


def _with_host(moved: MovedError, asked_host: str) -> MovedError:
    """Add the host of the asked node where it is missing: a node that does not know its own name leaves it out."""
    moved.host = moved.host or asked_host
    return moved
