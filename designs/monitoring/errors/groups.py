"""Redis reads of error groups: the list, and one group in full."""

from __future__ import annotations

import json
import struct
from collections import Counter
from collections.abc import Sequence
from typing import Any, cast

from designs.monitoring.errors.failure_reasons import reasons_in
from designs.monitoring.errors.keys import GROUP_PREFIX, PREFIX
from designs.monitoring.errors.serialization import decoded, split_type
from designs.monitoring.timestamps import iso_of_ms
from integrations.redis import FailFastRedis, Script

__all__ = [
    "key_of_group",
    "read_group",
    "read_groups",
    "resolve",
]

_RESOLVE_GROUP = Script("designs.monitoring.errors", "resolve_group")

MINUTES = 1_440
"""Length of the time series: one day."""

_LISTED = (
    "total", "type", "module", "message", "severity", "site", "parts",
    "first_seen_ms", "last_seen_ms", "last_event_id", "state", "releases", "reasons", "forwarded_total",
)  # fmt: skip
_TEXTS = _LISTED.index("reasons")
_RELATED_MAX = 50


def read_groups(redis: FailFastRedis, limit: int | None) -> list[dict[str, Any]]:
    """Return groups, most recently seen first, without their tracebacks.

    Raises:
        RedisUnavailable: Redis does not answer.
    """
    if limit is not None and limit <= 0:
        return []
    last = -1 if limit is None else limit - 1
    keys: list[bytes] = redis.run(lambda client: cast("list[bytes]", client.zrevrange(f"{PREFIX}groups", 0, last)))
    rows = _rows(redis, [key.decode() for key in keys])
    # The index is exact to a second only. An unreadable number must not hide the other groups.
    return sorted(
        rows, key=lambda row: int(row["last_seen_ms"]) if row["last_seen_ms"].isdecimal() else 0, reverse=True
    )


def read_group(redis: FailFastRedis, key: str, now_ms: int) -> dict[str, Any] | None:
    """Return one group in full, by its key or an alias; None if it is unknown.

    Raises:
        RedisUnavailable: Redis does not answer.
    """
    rows = _rows(redis, [key]) or _rows(redis, [key_of_group(redis, key)])
    if not rows:
        return None
    row = rows[0]
    key = row["fingerprint"]

    def read(client: Any) -> list[Any]:
        pipe = client.pipeline(transaction=False)
        pipe.hmget(GROUP_PREFIX + key, "minute", "minute_n", "minutes", "traceback", "joined")
        pipe.hget(f"{PREFIX}names", key)
        pipe.zrevrange(f"{PREFIX}site:{row['site']}", 0, _RELATED_MAX - 1)
        return list(pipe.execute())

    (minute, minute_n, minutes, traceback, joined), leading, same_site = redis.run(read)
    joined_keys = (joined or b"").decode().split()
    related = [other.decode() for other in same_site if other.decode() != key] if row["site"] else []
    return {
        **row,
        "first_seen": iso_of_ms(int(row["first_seen_ms"])),
        "last_seen": iso_of_ms(int(row["last_seen_ms"])),
        "aliases": [alias for alias in (leading or b"").decode().split() if alias not in joined_keys],
        "joined": joined_keys,
        "why": json.loads(row["parts"] or "[]"),
        "minutes": _series(minutes or b"", int(minute or 0), int(minute_n or 0), now_ms),
        "traceback": (traceback or b"").decode("utf-8", "replace"),
        "related": _rows(redis, related),
    }


def key_of_group(redis: FailFastRedis, key: str) -> str:
    """Return the key of the group that a key or an alias leads to; the key itself if there is no such group.

    Raises:
        RedisUnavailable: Redis does not answer.
    """

    def read(client: Any) -> list[Any]:
        pipe = client.pipeline(transaction=False)
        pipe.exists(GROUP_PREFIX + key)
        pipe.hget(f"{PREFIX}aliases", key)
        return list(pipe.execute())

    is_group, of = redis.run(read)
    return key if is_group or of is None else str(of.decode())


def resolve(redis: FailFastRedis, key: str, now_ms: int) -> bool:
    """Mark a group, by its key or an alias, as resolved at a time; return False if it is unknown.

    Raises:
        RedisUnavailable: Redis does not answer.
    """
    return bool(redis.script(_RESOLVE_GROUP, [GROUP_PREFIX + key], [now_ms, key, PREFIX]))


def _rows(redis: FailFastRedis, keys: list[str]) -> list[dict[str, Any]]:
    if not keys:
        return []

    def read(client: Any) -> list[Any]:
        pipe = client.pipeline(transaction=False)
        for key in keys:
            pipe.hmget(GROUP_PREFIX + key, _LISTED)
            # A raw command: redis-py refuses its pfcount method in a pipeline on a cluster.
            pipe.execute_command("PFCOUNT", f"{PREFIX}users:{key}")
        return list(pipe.execute())

    answers = redis.run(read)
    return [
        {
            "fingerprint": key,
            **_named(row[:_TEXTS]),
            "users": users,
            "reasons": reasons_in((row[_TEXTS] or b"").decode("ascii", "replace")),
            **_forwarded(row[0], row[-1]),
        }
        for key, row, users in zip(keys, answers[::2], answers[1::2], strict=True)
        if row[0] is not None
    ]


def _named(row: Sequence[bytes | None]) -> dict[str, str]:
    named = {name: (value or b"").decode("utf-8", "replace") for name, value in zip(_LISTED[:_TEXTS], row, strict=True)}
    # A group of a message stores an empty module; a group that an earlier version described stores none.
    if row[_LISTED.index("module")] is None:
        named["module"], named["type"] = split_type(named["type"])
    if "\\ud" in named["parts"]:
        named["parts"] = json.dumps(decoded(named["parts"]))
    return named


def _forwarded(total: bytes | None, forwarded: bytes | None) -> dict[str, int]:
    """Return the number of occurrences that forwarded events represent, and of those that no event represents yet."""
    # An unreadable number must not hide the other groups.
    number, all_of_them = (int(value) if value and value.isdigit() else 0 for value in (forwarded, total))
    return {"forwarded": number, "pending": max(all_of_them - number, 0)}


def _series(packed: bytes, running: int, running_n: int, now_ms: int) -> list[list[Any]]:
    sums = Counter({running: running_n})
    for minute, number in struct.iter_unpack(">II", packed):
        sums[minute] += number
    first = now_ms // 60_000 - MINUTES
    return [
        [iso_of_ms(minute * 60_000), number] for minute, number in sorted(sums.items()) if minute > first and number
    ]
