"""Outbox: a bounded Redis stream of envelopes that Sentry has not accepted yet.

An envelope is stored before it is sent, so that a killed process loses none. It is removed when Sentry has answered.
The sender holds a lease on it: the process that captured it, or replay. All Redis keys share one hash tag; each step
is one atomic script.
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

_OUTBOX_ADD = Script("integrations.sentry.outbox", "outbox_add")
_OUTBOX_CLAIM = Script("integrations.sentry.outbox", "outbox_claim")
_OUTBOX_NEXT = Script("integrations.sentry.outbox", "outbox_next")
_OUTBOX_COUNT = Script("integrations.sentry.outbox", "outbox_count")
_OUTBOX_UNLOCK = Script("integrations.sentry.outbox", "outbox_unlock")
_OUTBOX_SETTLE = Script("integrations.sentry.outbox", "outbox_settle")

# The number is the version of the layout. Keys of other versions expire by themselves.
PREFIX = "enginel:{outbox}:1:"

MAX_ENTRIES = 1_000
"""The gate sends duplicates rarely, so these are about a thousand distinct incidents."""

MAX_BYTES = 32 * 1024 * 1024
MAX_DEAD = 100
MAX_DONE = 10_000
"""Number of delivered event ids kept, so that a copy in a spool file or a queue is not sent again."""

MAX_AGE_SECONDS = 30 * 86_400
"""Sentry replaces an older timestamp by the time of arrival, which would be wrong."""

LEASE_SECONDS = 30.0
"""How long the capturing process may send an envelope before replay takes it over. Exceeds the request timeout."""

_KEPT_SECONDS = 31 * 86_400
_SCANNED = 200
_COMPRESSION = 1


@dataclass(frozen=True)
class Config:
    """Storage of waiting envelopes.

    Attributes:
        redis_url: Redis of the outbox; empty for no outbox.
        spool_dir: Folder of this host's spool, used while Redis is away; None for no spool.
        lease_seconds: See `LEASE_SECONDS`.
    """

    redis_url: str = ""
    spool_dir: Path | None = None
    lease_seconds: float = LEASE_SECONDS


_configured = [Config()]
_secret = secrets.token_hex(8)


def configure(redis_url: str = "", spool_dir: Path | None = None, lease_seconds: float = LEASE_SECONDS) -> None:
    """Set the storage of waiting envelopes; see `Config`."""
    _configured[0] = Config(redis_url, spool_dir, lease_seconds)


def config() -> Config:
    return _configured[0]


def token() -> str:
    """Return the token of this process. A forked child inherits its parent's queue but has its own token."""
    return f"{_secret}-{os.getpid()}"


class Waiting(NamedTuple):
    """An envelope waiting to be sent.

    Attributes:
        event_id: Id of its event.
        at_ms: Time of capture, milliseconds since 1970; the fraction orders the events of one burst.
        envelope: Its bytes.
    """

    event_id: str
    at_ms: float
    envelope: bytes


class Outbox:
    """Envelopes in Redis. Unless stated otherwise, methods raise `RedisUnavailable` when Redis does not answer."""

    def __init__(self, redis: FailFastRedis) -> None:
        self.redis = redis

    def add(self, waiting: Waiting, owner: str, lease_seconds: float) -> str:
        """Store an envelope.

        Args:
            waiting: The envelope.
            owner: Token of the process that holds its lease.
            lease_seconds: Duration of the lease; 0 when replay may send it at once.

        Returns:
            ``kept``, ``known`` (it is stored already) or ``done`` (it was delivered).
        """
        keys = _keys("stream", "order", "ids", "leases", "done", "totals")
        body = zlib.compress(waiting.envelope, _COMPRESSION)
        args = (
            waiting.event_id, f"{waiting.at_ms:.3f}", body, owner, int(lease_seconds * 1000), MAX_ENTRIES, MAX_BYTES,
            _KEPT_SECONDS,
        )  # fmt: skip
        return _text(self.redis.script(_OUTBOX_ADD, keys, args))

    def claim(self, event_id: str, owner: str, lease_seconds: float) -> str:
        """Take or renew the lease of an envelope; return ``ok``, ``done``, ``taken`` or ``limited``."""
        keys = _keys("ids", "leases", "done", "remote")
        return _text(self.redis.script(_OUTBOX_CLAIM, keys, (event_id, owner, int(lease_seconds * 1000))))

    def take_oldest(self, owner: str, lease_seconds: float) -> Waiting | float | None:
        """Lease and return the oldest envelope that has no lease.

        Returns:
            The envelope; while Sentry limits the rate, the end of that (seconds since 1970); None if there is none.
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
                # It cannot be sent, and must not block the others for a month.
                self._settle(event_id.decode(), "dead", "damaged", "", 0.0, body=body)

    def accepted(self, event_id: str, *, by: str, limited_until: float = 0.0) -> bool:
        """Record a delivery by ``live`` or ``replay``; return whether it was the first of this event."""
        return self._settle(event_id, "accepted", "accepted", by, limited_until)

    def dead(self, waiting: Waiting, why: str, *, by: str) -> None:
        """Move an envelope that Sentry will never accept to the dead letters."""
        self._settle(waiting.event_id, "dead", why, by, 0.0, body=zlib.compress(waiting.envelope, _COMPRESSION))

    def left(self, event_id: str, why: str, owner: str, *, by: str = "", limited_until: float = 0.0) -> None:
        """Release the lease of an envelope that Sentry refused, or (``by`` empty) that was not sent."""
        self._settle(event_id, "left", why, by, limited_until, owner=owner)

    def count(self, sequence: int, owner: str, counts: dict[str, int]) -> None:
        """Add to the totals; the same sequence of an owner counts once."""
        pairs = [part for pair in counts.items() for part in pair]
        self.redis.script(_OUTBOX_COUNT, _keys("totals", f"counted:{owner}"), (sequence, _KEPT_SECONDS, *pairs))

    def lock(self, owner: str, seconds: float) -> bool:
        """Take the lock of replay; return whether this succeeded."""
        return bool(self.redis.run(lambda client: client.set(f"{PREFIX}lock", owner, nx=True, px=int(seconds * 1000))))

    def unlock(self, owner: str) -> None:
        """Release the lock of replay. Never raises: while Redis is away, the lock expires by itself."""
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
        """Return the dead letters, newest first: ``event_id``, ``why``, ``at_ms``, ``bytes``."""
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
    """Return the outbox of this process; None if none is configured."""
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
