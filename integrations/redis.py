"""Fail-fast Redis: short timeouts, no retries, and a breaker, so that an outage never slows a caller.

The constructor chosen matters by three orders of magnitude: redis-py's default retries make one command against a
refused port cost 4 s, and against a silent peer 59 s. Here it costs milliseconds, or the timeout once per breaker
window.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import lru_cache
from importlib import resources
from typing import Any, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

__all__ = ["FailFastRedis", "RedisUnavailable", "load_script", "redis_for"]

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
        self._breaker_seconds = breaker_seconds
        self._closed_again_at: float | None = None
        self._lock = threading.Lock()
        self._scripts: dict[str, Any] = {}

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
        if not self._may_try():
            raise RedisUnavailable("breaker open", asked=False)
        try:
            answer = command(self._client)
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

    def script(self, name: str, keys: list[str], args: list[Any]) -> Any:
        """Run one of the Lua scripts beside this module; it is loaded again when the server forgot it."""
        script = self._scripts.get(name)
        if script is None:
            script = self._scripts[name] = self._client.register_script(load_script(name))
        return self.run(lambda _client: script(keys=keys, args=args))

    def close_breaker(self) -> None:
        """Let the next command through, whatever happened before."""
        self._closed_again_at = None

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


@lru_cache(maxsize=8)
def redis_for(url: str) -> FailFastRedis:
    """Return this process's client for a URL."""
    return FailFastRedis(url)


@lru_cache(maxsize=32)
def load_script(name: str) -> str:
    return (resources.files("integrations") / "lua" / f"{name}.lua").read_text()
