"""All that a Redis holds, for tests that look for what must not be there."""

from __future__ import annotations

import zlib
from typing import Any

import redis

__all__ = ["everything_in"]


def everything_in(client: redis.Redis) -> str:
    """Return all keys and values as text, compressed ones unpacked."""
    readers: dict[bytes, Any] = {
        b"string": client.get,
        b"list": lambda key: client.lrange(key, 0, -1),
        b"hash": client.hgetall,
        b"set": client.smembers,
        b"zset": lambda key: client.zrange(key, 0, -1, withscores=True),
        b"stream": client.xrange,
        # Gone since its name was read.
        b"none": lambda key: None,
    }
    return "\n".join(f"{key!r}: {_unpacked(readers[client.type(key)](key))!r}" for key in client.scan_iter(count=1000))


def _unpacked(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _unpacked(item) for name, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [_unpacked(item) for item in value]
    if not isinstance(value, bytes):
        return value
    try:
        return zlib.decompress(value)
    except zlib.error:
        return value
