"""Everything the monitoring keeps: to be searched for what must not be there."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import redis

__all__ = ["files_with", "redis_with", "texts_of"]


def texts_of(raw: bytes) -> Iterator[bytes]:
    """Give bytes as they are, unpacked if they are packed, and with JSON's escapes undone."""
    yield raw
    try:
        raw = zlib.decompress(raw)
    except zlib.error:
        pass
    else:
        yield raw
    try:
        yield json.dumps(json.loads(raw), ensure_ascii=False).encode(errors="replace")
    except ValueError:
        return


def redis_with(client: redis.Redis, marker: str) -> list[str]:
    """Return the keys of Redis in whose name or value a text stands."""
    return [
        key.decode(errors="replace")
        for key in client.scan_iter()
        if any(marker.encode() in text for raw in (key, *_values(client, key)) for text in texts_of(raw))
    ]


def files_with(folder: Path, marker: str, *, but: tuple[str, ...] = ()) -> list[str]:
    """Return the files below a folder in whose content a text stands."""
    found = [path for path in folder.rglob("*") if path.is_file() and path.parts[len(folder.parts)] not in but]
    return [str(path) for path in found if any(marker.encode() in text for text in texts_of(path.read_bytes()))]


def _values(client: redis.Redis, key: bytes) -> Iterator[bytes]:
    read: dict[bytes, Any] = {
        b"string": client.get,
        b"hash": client.hgetall,
        b"list": lambda name: client.lrange(name, 0, -1),
        b"set": client.smembers,
        b"zset": lambda name: client.zrange(name, 0, -1),
        b"stream": client.xrange,
    }
    yield from _flat(read[client.type(key)](key))


def _flat(value: Any) -> Iterator[bytes]:
    if isinstance(value, dict):
        yield from _flat(list(value.items()))
    elif isinstance(value, list | tuple | set):
        for item in value:
            yield from _flat(item)
    elif isinstance(value, bytes):
        yield value
