"""Health check of Redis: it answers, accepts writes and stores values."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

import redis
from health_check.exceptions import ServiceUnavailable, ServiceWarning

from integrations.health.plugin import Plugin
from integrations.redis import FailFastRedis, RedisUnavailable

__all__ = ["Redis"]

_REASONS = {"ReadOnlyError": "refuses writes", "OutOfMemoryError": "out of memory", "MISCONF": "refuses writes"}
_MEMORY_SHARE_MAX = 0.9
_PROBE_SECONDS = 10


@dataclasses.dataclass
class Redis(Plugin):
    """Checks that Redis stores a value and returns it.

    Args:
        client: A client without a circuit breaker, which would hide for two seconds that Redis is back.
        prefix: Prefix of the key that is written.
    """

    client: FailFastRedis = dataclasses.field(repr=False)
    prefix: str = dataclasses.field(default="{health}", repr=False)

    message: str = dataclasses.field(default="Redis connection OK", init=False, repr=False)

    def run(self) -> None:
        """Raise `ServiceUnavailable` when it does not, `ServiceWarning` when it may soon lose data."""
        try:
            self.client.run(self._write_and_read)
        except RedisUnavailable as error:
            raise ServiceUnavailable(_REASONS.get(str(error), "does not answer")) from error
        try:
            info = self.client.run(lambda client: client.info("memory"))
        except (RedisUnavailable, redis.RedisError):
            return  # Redis works, but this user may not run INFO
        _warn(info)

    def _write_and_read(self, client: redis.Redis) -> None:
        key = f"{self.prefix}probe:{os.getpid()}"
        client.set(key, b"1", ex=_PROBE_SECONDS)
        if client.get(key) != b"1":
            raise ServiceUnavailable("loses written values")
        client.delete(key)


def _warn(info: Any) -> None:
    limit = int(info.get("maxmemory") or 0)
    if not limit:
        return
    if int(info.get("used_memory") or 0) > limit * _MEMORY_SHARE_MAX:
        raise ServiceWarning("more than 90 % of its memory is used")
    if str(info.get("maxmemory_policy", "noeviction")) != "noeviction":
        raise ServiceWarning("may evict what others need: set maxmemory-policy noeviction")
