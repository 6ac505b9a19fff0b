"""Fail-fast Redis: short timeouts, no retries, and a breaker, so that an outage never slows a caller.

The constructor chosen matters by three orders of magnitude: redis-py's default retries make one command against a
refused port cost 4 s, and against a silent peer 59 s. Here it costs milliseconds, or the timeout once per breaker
window.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib import resources
from typing import Any, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError
from redis.retry import Retry

from integrations.wire import NotConnected, Wire, Wires

__all__ = ["FailFastRedis", "RedisUnavailable", "is_own_command", "load_script", "redis_for"]

T = TypeVar("T")

TIMEOUT_SECONDS = 0.2
BREAKER_SECONDS = 2.0
MAX_CONNECTIONS = 64

# Answers of a server that is there and cannot do its work: disk full, script running, cluster or replica in trouble.
_REFUSALS = (
    "MISCONF",
    "BUSY",
    "CLUSTERDOWN",
    "MASTERDOWN",
    "TRYAGAIN",
    "NOREPLICAS",
    "NOAUTH",
    "NOPERM",
    "WRONGPASS",
)


class RedisUnavailable(Exception):
    """Redis did not answer, or the breaker is open. ``asked`` tells whether a command may have reached it."""

    def __init__(self, message: str, *, asked: bool) -> None:
        super().__init__(message)
        self.asked = asked


_gateways: weakref.WeakSet[FailFastRedis] = weakref.WeakSet()
_running = threading.local()


class FailFastRedis:
    """A Redis client that answers or fails at once. Thread-safe; a forked child gets connections of its own."""

    def __init__(
        self, url: str, *, timeout_seconds: float = TIMEOUT_SECONDS, breaker_seconds: float = BREAKER_SECONDS
    ) -> None:
        self._client = redis.Redis.from_url(
            url,
            socket_timeout=timeout_seconds,
            socket_connect_timeout=timeout_seconds,
            retry=Retry(NoBackoff(), 0),
            max_connections=MAX_CONNECTIONS,
        )
        self._wires = Wires(self._client.connection_pool, timeout_seconds, MAX_CONNECTIONS)
        self._breaker_seconds = breaker_seconds
        self._closed_again_at: float | None = None
        self._lock = threading.Lock()
        _gateways.add(self)

    @property
    def is_open(self) -> bool:
        """Whether the breaker holds commands back."""
        closed_again_at = self._closed_again_at
        return closed_again_at is not None and time.monotonic() < closed_again_at

    def run(self, command: Callable[[redis.Redis], T]) -> T:
        """Run a command.

        Raises:
            RedisUnavailable: Redis is away, refuses, or is loading its data; or the breaker is open.
        """

        def ask() -> T:
            _running.depth = getattr(_running, "depth", 0) + 1
            try:
                return command(self._client)
            finally:
                _running.depth -= 1

        return self._guard(ask)

    def script(self, name: str, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Run one of the Lua scripts beside this module; it is loaded again when the server forgot it.

        Raises:
            RedisUnavailable: As `run`.
        """
        return self._guard(lambda: self._evaluate(name, keys, args))

    def _evaluate(self, name: str, keys: Sequence[str], args: Sequence[Any]) -> Any:
        wire = self._wires.take()
        try:
            answer = wire.ask("EVALSHA", _digest(name), len(keys), *keys, *args)
        except NoScriptError:
            answer = self._load_and_evaluate(wire, name, keys, args)
        except redis.ResponseError:
            self._wires.give_back(wire)
            raise
        except BaseException:
            self._wires.drop(wire)
            raise
        self._wires.give_back(wire)
        return answer

    def _load_and_evaluate(self, wire: Wire, name: str, keys: Sequence[str], args: Sequence[Any]) -> Any:
        try:
            return wire.ask("EVAL", load_script(name), len(keys), *keys, *args)
        except BaseException:
            self._wires.drop(wire)
            raise

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
            if not str(error).startswith(_REFUSALS):
                raise
            self._open_breaker()
            raise RedisUnavailable(str(error).split(" ", 1)[0], asked=False) from error
        self._closed_again_at = None
        return answer

    def close_breaker(self) -> None:
        """Let the next command through, whatever happened before."""
        self._closed_again_at = None

    def start_over(self) -> None:
        """Start with a lock and connections of this process's own, after a fork."""
        self._lock = threading.Lock()
        self._wires.start_over()

    def _may_try(self) -> bool:
        if self._closed_again_at is None:
            return True
        with self._lock:
            if self.is_open:
                return False
            # One caller finds out whether Redis is back; the others need not wait for its timeout.
            self._open_until_next_try()
            return True

    def _open_breaker(self) -> None:
        with self._lock:
            self._open_until_next_try()

    def _open_until_next_try(self) -> None:
        self._closed_again_at = time.monotonic() + self._breaker_seconds


def is_own_command() -> bool:
    """Tell whether this thread is inside of a command of ours: whoever watches the client may look away then."""
    return bool(getattr(_running, "depth", 0))


@lru_cache(maxsize=8)
def redis_for(url: str) -> FailFastRedis:
    """Return this process's client for a URL."""
    return FailFastRedis(url)


@lru_cache(maxsize=32)
def load_script(name: str) -> str:
    return (resources.files("integrations") / "lua" / f"{name}.lua").read_text()


@lru_cache(maxsize=32)
def _digest(name: str) -> str:
    return hashlib.sha1(load_script(name).encode(), usedforsecurity=False).hexdigest()


def _start_over() -> None:
    for gateway in list(_gateways):
        gateway.start_over()


# Another thread may have held a lock while the process forked; in the child nobody would give it back.
os.register_at_fork(after_in_child=_start_over)
