"""The outbox: envelopes Sentry has not accepted yet, in a bounded Redis stream.

An envelope is kept before anybody tries to send it, so that a killed process loses none, and removed when Sentry has
answered. Whoever sends one holds its lease meanwhile: the process that captured it, or the replay. All Redis keys
share one hash tag; each step is one atomic script.
"""

from __future__ import annotations

import os
import secrets
import time
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

from integrations.redis import FailFastRedis, RedisUnavailable, Script, redis_for

__all__ = ["PREFIX", "Config", "Outbox", "Waiting", "config", "configure", "outbox", "token"]

_OUTBOX_ADD = Script("integrations", "outbox_add")
_OUTBOX_CLAIM = Script("integrations", "outbox_claim")
_OUTBOX_NEXT = Script("integrations", "outbox_next")
_OUTBOX_COUNT = Script("integrations", "outbox_count")
_OUTBOX_UNLOCK = Script("integrations", "outbox_unlock")
_OUTBOX_SETTLE = Script("integrations", "outbox_settle")

# The number is that of the layout: what another one left behind expires by itself.
PREFIX = "enginel:{outbox}:1:"

MAX_ENTRIES = 1_000
"""With the gate in front these are a thousand distinct incidents."""

MAX_BYTES = 32 * 1024 * 1024
MAX_DEAD = 100
MAX_DONE = 10_000
"""Delivered event ids that are remembered, so that a copy in a spool file or a queue is not sent again."""

MAX_AGE_SECONDS = 30 * 86_400
"""Sentry replaces an older timestamp by the moment it arrives, so it would tell of now."""

LEASE_SECONDS = 30.0
"""How long who captured an envelope has it for himself; longer than a request to Sentry may take."""

_KEPT_SECONDS = 31 * 86_400
_SCANNED = 200
_COMPRESSION = 1


@dataclass(frozen=True)
class Config:
    """Where envelopes wait.

    Attributes:
        redis_url: Redis of the outbox; without one nothing is kept.
        spool_dir: Folder of this host for times when Redis is away, too; None for no spool.
        lease_seconds: See `LEASE_SECONDS`.
    """

    redis_url: str = ""
    spool_dir: Path | None = None
    lease_seconds: float = LEASE_SECONDS


_configured = [Config()]
_secret = secrets.token_hex(8)


def configure(redis_url: str = "", spool_dir: Path | None = None, lease_seconds: float = LEASE_SECONDS) -> None:
    """Say where envelopes wait; see `Config`."""
    _configured[0] = Config(redis_url, spool_dir, lease_seconds)


def config() -> Config:
    return _configured[0]


def token() -> str:
    """Return the name of this process; a forked child, which inherits its parent's queue, has another."""
    return f"{_secret}-{os.getpid()}"


class Waiting(NamedTuple):
    """An envelope that is to be sent.

    Attributes:
        event_id: Id of its event.
        at_ms: When it was captured, milliseconds since 1970; the fraction tells which of one burst came first.
        envelope: Its bytes.
    """

    event_id: str
    at_ms: float
    envelope: bytes


class Outbox:
    """The store. Every method but those that say otherwise raises `RedisUnavailable` when Redis does not answer."""

    def __init__(self, redis: FailFastRedis) -> None:
        self.redis = redis

    def add(self, waiting: Waiting, owner: str, lease_seconds: float) -> str:
        """Keep an envelope.

        Args:
            waiting: The envelope.
            owner: Token of who holds its lease.
            lease_seconds: How long; 0 when replay may send it at once.

        Returns:
            ``kept``, ``known`` or ``done``.
        """
        keys = _keys("stream", "order", "ids", "leases", "done", "totals")
        body = zlib.compress(waiting.envelope, _COMPRESSION)
        args = (
            waiting.event_id, f"{waiting.at_ms:.3f}", body, owner, int(lease_seconds * 1000), MAX_ENTRIES, MAX_BYTES,
            _KEPT_SECONDS,
        )  # fmt: skip
        return _text(self.redis.script(_OUTBOX_ADD, keys, args))

    def claim(self, event_id: str, owner: str, lease_seconds: float) -> str:
        """Ask for the right to send; return ``ok``, ``done``, ``taken`` or ``limited``."""
        keys = _keys("ids", "leases", "done", "remote")
        return _text(self.redis.script(_OUTBOX_CLAIM, keys, (event_id, owner, int(lease_seconds * 1000))))

    def take_oldest(self, owner: str, lease_seconds: float) -> Waiting | float | None:
        """Return the oldest envelope nobody is sending, with its lease.

        Returns:
            The envelope; or the moment (seconds since 1970) until which Sentry wants none; or None.
        """
        oldest_ms = int((time.time() - MAX_AGE_SECONDS) * 1000)
        keys = _keys("stream", "order", "ids", "leases", "remote", "totals")
        args = (owner, int(lease_seconds * 1000), oldest_ms, _SCANNED)
        while True:
            state, *found = self.redis.script(_OUTBOX_NEXT, keys, args)
            if state == b"limited":
                return float(found[0]) / 1000
            if state != b"entry":
                return None
            event_id, at_ms, body = found
            try:
                return Waiting(event_id.decode(), float(at_ms), zlib.decompress(body))
            except zlib.error:
                # Nobody can send it, and it must not stand before the others for a month.
                self._settle(event_id.decode(), "dead", "damaged", "", 0.0, body=body)

    def accepted(self, event_id: str, *, by: str, limited_until: float = 0.0) -> bool:
        """Note a delivery by ``live`` or ``replay``; return whether it was the first of this event."""
        return self._settle(event_id, "accepted", "accepted", by, limited_until)

    def dead(self, waiting: Waiting, why: str, *, by: str) -> None:
        """Put aside what Sentry will never take."""
        self._settle(waiting.event_id, "dead", why, by, 0.0, body=zlib.compress(waiting.envelope, _COMPRESSION))

    def left(self, event_id: str, why: str, owner: str, *, by: str = "", limited_until: float = 0.0) -> None:
        """Give the right to send back: it was refused, or (``by`` empty) not tried."""
        self._settle(event_id, "left", why, by, limited_until, owner=owner)

    def count(self, sequence: int, owner: str, counts: dict[str, int]) -> None:
        """Add to the totals; the same sequence of an owner counts once."""
        pairs = [part for pair in counts.items() for part in pair]
        self.redis.script(_OUTBOX_COUNT, _keys("totals", f"counted:{owner}"), (sequence, _KEPT_SECONDS, *pairs))

    def lock(self, owner: str, seconds: float) -> bool:
        """Become the one who replays."""
        return bool(self.redis.run(lambda client: client.set(f"{PREFIX}lock", owner, nx=True, px=int(seconds * 1000))))

    def unlock(self, owner: str) -> None:
        """Let others replay; does nothing, and raises nothing, if Redis is away: the lock ends by itself."""
        try:
            self.redis.script(_OUTBOX_UNLOCK, _keys("lock"), (owner,))
        except RedisUnavailable:
            return

    def facts(self) -> dict[str, Any]:
        """Return ``depth``, ``oldest_ms`` (None if empty), ``dead``, ``totals`` and ``remote``."""

        def read(client: Any) -> list[Any]:
            pipe = client.pipeline(transaction=False)
            pipe.zcard(f"{PREFIX}order")
            pipe.zrange(f"{PREFIX}order", 0, 0, withscores=True)
            pipe.xlen(f"{PREFIX}dead")
            pipe.hgetall(f"{PREFIX}totals")
            pipe.hgetall(f"{PREFIX}remote")
            return list(pipe.execute())

        depth, oldest, dead, totals, remote = self.redis.run(read)
        return {
            "depth": depth,
            "oldest_ms": int(oldest[0][1]) if oldest else None,
            "dead": dead,
            "totals": {name.decode(): int(number) for name, number in totals.items()},
            "remote": {name.decode(): value.decode() for name, value in remote.items()},
        }

    def state_of(self, event_id: str) -> str:
        """Return ``delivered``, ``refused``, ``waiting`` or ``unknown``."""

        def read(client: Any) -> list[Any]:
            pipe = client.pipeline(transaction=False)
            pipe.hexists(f"{PREFIX}ids", event_id)
            pipe.zscore(f"{PREFIX}done", event_id)
            return list(pipe.execute())

        waits, done = self.redis.run(read)
        if done is None:
            return "waiting" if waits else "unknown"
        refused = any(letter["event_id"] == event_id for letter in self.dead_letters())
        return "refused" if refused else "delivered"

    def dead_letters(self) -> list[dict[str, Any]]:
        """Return what was put aside, newest first: ``event_id``, ``why``, ``at_ms``, ``bytes``."""
        found = self.redis.run(lambda client: cast("list[Any]", client.xrevrange(f"{PREFIX}dead")))
        return [
            {
                "event_id": fields[b"id"].decode(),
                "why": fields[b"why"].decode(),
                "at_ms": int(entry.split(b"-")[0]),
                "bytes": _size_of(fields[b"envelope"]),
            }
            for entry, fields in found
        ]

    def _settle(
        self, event_id: str, outcome: str, why: str, by: str, limited_until: float, body: bytes = b"", owner: str = ""
    ) -> bool:
        keys = _keys("stream", "order", "ids", "leases", "done", "totals", "remote", "dead")
        args = (event_id, outcome, why, int(limited_until * 1000), MAX_DONE, MAX_DEAD, _KEPT_SECONDS, body, by, owner)
        return bool(self.redis.script(_OUTBOX_SETTLE, keys, args))


def outbox() -> Outbox | None:
    """Return the outbox of this process; None where none is configured."""
    url = config().redis_url
    return Outbox(redis_for(url)) if url else None


def _keys(*names: str) -> tuple[str, ...]:
    return tuple(PREFIX + name for name in names)


def _size_of(body: bytes) -> int:
    try:
        return len(zlib.decompress(body))
    except zlib.error:
        return len(body)


def _text(answer: bytes) -> str:
    return answer.decode()
