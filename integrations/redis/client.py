"""Fail-fast Redis: short timeouts, no retries, and a breaker, so that an outage never slows a caller.

With redis-py's default retries one command takes 4 s against a refused port, and 59 s against a silent server. Here it
takes milliseconds, or one timeout in each breaker window.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, TypeVar

import redis
from redis.exceptions import ClusterError

from integrations.redis.cluster import Cluster
from integrations.redis.connection import NotConnected
from integrations.redis.scripts import Script
from integrations.redis.server import Master, Server, is_own_command, own_commands, server_at
from integrations.redis.url import has_topology, parse_topology

__all__ = ["FailFastRedis", "RedisUnavailable", "Script", "is_own_command", "redis_for"]

T = TypeVar("T")

TIMEOUT_SECONDS = 0.2
BREAKER_SECONDS = 2.0
MAX_CONNECTIONS = 64

# Error codes of a server that is reachable and cannot work: disk full, script running, cluster or replica in trouble,
# keys that move to another node.
_REFUSALS = frozenset(
    {
        "ASK",
        "BUSY",
        "CLUSTERDOWN",
        "MASTERDOWN",
        "MISCONF",
        "MOVED",
        "NOAUTH",
        "NOPERM",
        "NOREPLICAS",
        "TRYAGAIN",
        "WRONGPASS",
    }
)


class RedisUnavailable(Exception):
    """Redis did not answer, or the breaker is open. ``asked``: whether Redis may have carried the command out."""

    def __init__(self, message: str, *, asked: bool) -> None:
        super().__init__(message)
        self.asked = asked


_gateways: weakref.WeakSet[FailFastRedis] = weakref.WeakSet()


class FailFastRedis:
    """Redis client that answers or fails at once. Thread-safe; a forked child opens its own connections.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://`` of a server, or one of a cluster or of Sentinel
            (`integrations.redis.url`). The first command opens the first connection.
        timeout_seconds: Limit for a connection, and for an answer.
        breaker_seconds: How long commands are refused after a failure.
    """

    def __init__(
        self, url: str, *, timeout_seconds: float = TIMEOUT_SECONDS, breaker_seconds: float = BREAKER_SECONDS
    ) -> None:
        self._wires = _wires_to(url, timeout_seconds, MAX_CONNECTIONS)
        self._evaluate = self._wires.evaluate
        self._breaker_seconds = breaker_seconds
        self._closed_again_at: float | None = None
        self._lock = threading.RLock()
        _gateways.add(self)

    @property
    def is_open(self) -> bool:
        """Whether the breaker refuses commands."""
        closed_again_at = self._closed_again_at
        return closed_again_at is not None and time.monotonic() < closed_again_at

    def run(self, command: Callable[[redis.Redis], T]) -> T:
        """Run a command on redis-py's client: a ``RedisCluster`` if the URL names a cluster.

        Raises:
            RedisUnavailable: Redis is unreachable, refuses, or loads its data; or the breaker is open.
        """

        def ask() -> T:
            with own_commands():
                return self._wires.run(command)

        return self._guard(ask)

    def script(self, script: Script, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Run a Lua script. All keys share a hash tag: on a cluster the first key selects the node.

        Raises:
            RedisUnavailable: As `run`.
        """
        return self._guard(lambda: self._evaluate(script, keys, args))

    def _guard(self, ask: Callable[[], T]) -> T:
        if not self._may_try():
            raise RedisUnavailable("breaker open", asked=False)
        try:
            answer = ask()
        except NotConnected as error:
            self._open_breaker()
            raise RedisUnavailable(str(error), asked=False) from error
        except (
            redis.ConnectionError,
            redis.TimeoutError,
            redis.ReadOnlyError,
            redis.OutOfMemoryError,
        ) as error:
            self._open_breaker()
            raise RedisUnavailable(type(error).__name__, asked=True) from error
        except redis.ResponseError as error:
            code = error.status_code or str(error).split(" ", 1)[0]
            if code not in _REFUSALS:
                raise
            self._open_breaker()
            raise RedisUnavailable(code, asked=False) from error
        except ClusterError as error:
            self._open_breaker()
            raise RedisUnavailable(type(error).__name__, asked=True) from error
        self._closed_again_at = None
        return answer

    def close_breaker(self) -> None:
        """Allow the next command, even after a failure."""
        self._closed_again_at = None

    def reset(self) -> None:
        """Replace the lock and the connections, after a fork."""
        self._lock = threading.RLock()
        self._wires.reset()

    def _may_try(self) -> bool:
        if self._closed_again_at is None:
            return True
        with self._lock:
            if self.is_open:
                return False
            # One caller tests whether Redis is back; the others do not wait for its timeout.
            self._open_until_next_try()
            return True

    def _open_breaker(self) -> None:
        with self._lock:
            self._open_until_next_try()

    def _open_until_next_try(self) -> None:
        self._closed_again_at = time.monotonic() + self._breaker_seconds


@lru_cache(maxsize=8)
def redis_for(url: str) -> FailFastRedis:
    """Return this process's client for a URL."""
    return FailFastRedis(url)


def _wires_to(url: str, timeout_seconds: float, most: int) -> Server | Cluster:
    if not has_topology(url):
        return server_at(url, timeout_seconds, most)
    address = parse_topology(url)
    kind = Cluster if address.kind == "cluster" else Master
    return kind(address, timeout_seconds, most)


def reset() -> None:
    """Replace the locks and connections of every client after a fork: the parent's threads may have held them."""
    for gateway in list(_gateways):
        gateway.reset()
