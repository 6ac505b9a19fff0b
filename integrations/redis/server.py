"""One server, or the master that Sentinel names: redis-py's client of it, without its retries, and wires of our own."""

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
    """Mark the commands of this thread as ours."""
    _running.depth = getattr(_running, "depth", 0) + 1
    try:
        yield
    finally:
        _running.depth -= 1


def is_own_command() -> bool:
    """Tell whether this thread is inside of a command of ours: whoever watches the client may look away then."""
    return bool(getattr(_running, "depth", 0))


def fail_fast_options(timeout_seconds: float) -> dict[str, Any]:
    """Return the options that let a client of redis-py fail at once."""
    return {
        "socket_timeout": timeout_seconds,
        "socket_connect_timeout": timeout_seconds,
        "retry": Retry(NoBackoff(), 0),
    }


class Server(ScriptWires):
    """What a client of redis-py is connected to, for its own commands and for our scripts."""

    def __init__(self, client: redis.Redis, timeout_seconds: float, most: int) -> None:
        super().__init__(client.connection_pool, timeout_seconds, most)
        self.client = client

    def run(self, command: Callable[[redis.Redis], T]) -> T:
        """Run a command."""
        return command(self.client)


class Master(Server):
    """The master that Sentinel names whenever a connection is made."""

    def __init__(self, address: TopologyAddress, timeout_seconds: float, most: int) -> None:
        options = {
            **fail_fast_options(timeout_seconds), "ssl": address.is_tls, "max_connections": most, **address.options
        }  # fmt: skip
        # Sentinels have credentials of their own, if any.
        of_sentinels = {name: value for name, value in options.items() if name.startswith(("retry", "socket_", "ssl"))}
        sentinels = _Sentinels(address.nodes, sentinel_kwargs=of_sentinels, **options)  # type: ignore[no-untyped-call]
        super().__init__(sentinels.master_for(address.service), timeout_seconds, most)  # type: ignore[no-untyped-call]

    def evaluate(self, script: Script, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Run a script, as `ScriptWires.evaluate` does."""
        try:
            return super().evaluate(script, keys, args)
        except (redis.ConnectionError, redis.TimeoutError):
            # There may be another master soon, and the idle wires would find out one by one.
            self.drop_idle()
            raise


class _Sentinels(Sentinel):
    """Sentinels that are asked for about one timeout in all, however many of them are silent."""

    def discover_master(self, service_name: str) -> tuple[str, int]:
        deadline = time.monotonic() + self.sentinel_kwargs["socket_timeout"]
        for sentinel in self.sentinels:
            try:
                with own_commands():
                    masters: Any = sentinel.sentinel_masters()
            except redis.RedisError:
                # Away, or none: an ordinary server refuses the question.
                masters = {}
            state = masters.get(service_name)
            if state and self.check_master_state(state, service_name):  # type: ignore[no-untyped-call]
                return state["ip"], state["port"]
            # Asked last the next time; a new list, for other threads may be going through this one.
            self.sentinels = [*(other for other in self.sentinels if other is not sentinel), sentinel]
            if time.monotonic() > deadline:
                break
        raise MasterNotFoundError("no sentinel names a master")


def server_at(url: str, timeout_seconds: float, most: int) -> Server:
    """Return the server of a URL that redis-py itself understands."""
    client = redis.Redis.from_url(url, **fail_fast_options(timeout_seconds), max_connections=most)
    return Server(client, timeout_seconds, most)
