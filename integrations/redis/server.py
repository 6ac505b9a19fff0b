"""Client of one Redis server, or of the master that Sentinel names: redis-py without retries, and pooled scripts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import MasterNotFoundError, Sentinel

from integrations.redis.scripts import Script, ScriptWires
from integrations.redis.url import TopologyAddress

__all__ = ["Master", "Server", "fail_fast_options", "is_own_command", "own_commands", "server_at"]

T = TypeVar("T")

_running = threading.local()


@contextmanager
def own_commands() -> Iterator[None]:
    """Mark the commands of this thread as our own."""
    _running.depth = getattr(_running, "depth", 0) + 1
    try:
        yield
    finally:
        _running.depth -= 1


def is_own_command() -> bool:
    """Return whether this thread runs one of our own commands, so that instrumentation can skip it."""
    return bool(getattr(_running, "depth", 0))


def fail_fast_options(timeout_seconds: float) -> dict[str, Any]:
    """Return the options that make redis-py's client fail at once: timeouts, no retries."""
    return {
        "socket_timeout": timeout_seconds,
        "socket_connect_timeout": timeout_seconds,
        "retry": Retry(NoBackoff(), 0),
    }


class Server(ScriptWires):
    """One server: redis-py's client for commands, and a pool of connections for scripts."""

    def __init__(self, client: redis.Redis, most: int) -> None:
        super().__init__(client.connection_pool, most)
        self.client = client

    def run(self, command: Callable[[redis.Redis], T]) -> T:
        """Run a command on redis-py's client."""
        return command(self.client)


class Master(Server):
    """The master of a Sentinel service; each new connection asks Sentinel for its address."""

    def __init__(self, address: TopologyAddress, timeout_seconds: float, most: int) -> None:
        options = {
            **fail_fast_options(timeout_seconds), "ssl": address.is_tls, "max_connections": most, **address.options
        }  # fmt: skip
        # Credentials of the servers are not those of the sentinels.
        sentinel_options = {
            name: value for name, value in options.items() if name.startswith(("retry", "socket_", "ssl"))
        }
        sentinels = _Sentinels(address.nodes, sentinel_kwargs=sentinel_options, **options)  # type: ignore[no-untyped-call]
        super().__init__(sentinels.master_for(address.service), most)  # type: ignore[no-untyped-call]

    def evaluate(self, script: Script, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Run a script, as `ScriptWires.evaluate` does."""
        try:
            return super().evaluate(script, keys, args)
        except (redis.ConnectionError, redis.TimeoutError):
            # Another master may be elected, and the idle connections would fail one by one.
            self.drop_idle()
            raise


class _Sentinels(Sentinel):
    """Sentinels with about one timeout for all of them, however many are silent."""

    def discover_master(self, service_name: str) -> tuple[str, int]:
        deadline = time.monotonic() + self.sentinel_kwargs["socket_timeout"]
        for sentinel in self.sentinels:
            try:
                with own_commands():
                    masters: Any = sentinel.sentinel_masters()
            except redis.RedisError:
                # Unreachable, or not a sentinel: an ordinary server refuses the command.
                masters = {}
            state = masters.get(service_name)
            if state and self.check_master_state(state, service_name):  # type: ignore[no-untyped-call]
                return state["ip"], state["port"]
            # Move it to the end. A new list, because other threads may iterate over this one.
            self.sentinels = [*(other for other in self.sentinels if other is not sentinel), sentinel]
            if time.monotonic() > deadline:
                break
        raise MasterNotFoundError("no sentinel names a master")


def server_at(url: str, timeout_seconds: float, most: int) -> Server:
    """Return the server of a URL that redis-py can read."""
    client = redis.Redis.from_url(url, **fail_fast_options(timeout_seconds), max_connections=most)
    return Server(client, most)
