"""The error store in Redis: ring, groups and totals, one Lua call an occurrence; a backlog while Redis is away.

All keys of one call share the hash tag ``{errors}``, so a cluster keeps them on one node.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from django.conf import settings
from django.utils import timezone

from designs.conf import conf
from designs.monitoring.backlog import Backlog, Pending
from designs.monitoring.event import ErrorEvent
from designs.monitoring.fingerprint import Fingerprint
from designs.monitoring.redaction import redact_text
from integrations.redis import FailFastRedis, RedisUnavailable, redis_for

__all__ = ["ErrorStore", "Outcome"]

PREFIX = "enginel:{errors}:"
GROUP_PREFIX = f"{PREFIX}group:"
OPERATION_SECONDS = 600
"""How long an operation id is remembered: far longer than any repetition of it can come late."""

_DRAIN_BATCH = 50


@dataclass(frozen=True)
class Outcome:
    """What became of an occurrence.

    Attributes:
        state: ``recorded``; ``seen`` when this operation had been recorded before; ``kept`` while Redis is away.
        event_id: Id of the record, of the earlier one when ``seen``.
        occurrences: Total of the group.
        forward: Whether the gate lets it pass.
        represents: Occurrences since the last one that passed.
        needs_traceback: The group has no stored traceback yet.
    """

    state: str
    event_id: str
    occurrences: int = 1
    is_new: bool = False
    forward: bool = False
    represents: int = 1
    needs_traceback: bool = False


class ErrorStore:
    """Writes and reads occurrences. One for each process; safe for threads."""

    def __init__(self) -> None:
        self.backlog = Backlog()

    @property
    def redis(self) -> FailFastRedis:
        return redis_for(settings.REDIS_URL)

    def record(
        self, event: ErrorEvent, fingerprint: Fingerprint, *, traceback: str = "", operation: str = ""
    ) -> Outcome:
        """Record one occurrence in one round trip; with Redis away keep it and decide alone.

        Args:
            event: The occurrence.
            fingerprint: Its group.
            traceback: For a group that may lack one.
            operation: Id of the failing operation (a task attempt): seen twice, it counts once.
        """
        pending = Pending(event, fingerprint, traceback, operation or event.event_id, 1, maybe_recorded=False)
        try:
            outcome = self._send(pending)
        except RedisUnavailable as error:
            pending.maybe_recorded = error.asked
            return self._keep(pending)
        if self.backlog:
            self.drain()
        return outcome

    def merge(self, event_id: str, key: str, additions: dict[str, Any] | None, traceback: str = "") -> bool:
        """Add what a second hook knows to a recorded occurrence; True when ring or backlog still hold it."""
        if additions and self.backlog.merge(event_id, additions):
            return True
        try:
            args = [event_id, _bounded_json(additions) if additions else "", traceback]
            return bool(self.redis.script("merge_error", [f"{PREFIX}records", GROUP_PREFIX + key], args))
        except RedisUnavailable:
            return False

    def recent(self, limit: int) -> list[dict[str, Any]]:
        """Return at most ``limit`` records, newest first, none older than the ring's age."""
        if self.backlog:
            self.drain()
        now_ms = _now_ms()
        args = [limit, now_ms - conf.ring_seconds * 1000, GROUP_PREFIX]
        waiting = [
            _record(p.event.as_json(), p.fingerprint.key, p.occurrences, p.traceback) for p in self.backlog.snapshot()
        ]
        try:
            entries, groups = self.redis.script("read_errors", [f"{PREFIX}ring", f"{PREFIX}records"], args)
        except RedisUnavailable:
            return waiting[:limit]
        totals = {key: (int(total), text.decode()) for key, total, text in groups}
        stored = [
            _with_additions(_record(record, key.decode(), *totals[key]), additions)
            for key, record, additions in entries
        ]
        if not waiting:
            return stored
        known = {record["event_id"] for record in stored}
        fresh = [record for record in waiting if record["event_id"] not in known]
        return sorted([*stored, *fresh], key=lambda record: record["timestamp"], reverse=True)[:limit]

    def totals(self) -> dict[str, int]:
        """Return counts of this store: ``occurrences``, ``groups``, ``forwarded``, ``type:<name>``, ...

        Raises:
            RedisUnavailable: Redis does not answer.
        """
        raw: dict[bytes, bytes] = self.redis.run(
            lambda client: cast("dict[bytes, bytes]", client.hgetall(f"{PREFIX}totals"))
        )
        return {field.decode(): int(count) for field, count in raw.items()}

    def groups(self) -> list[dict[str, Any]]:
        """Return all groups, most recent first, without their tracebacks.

        Raises:
            RedisUnavailable: Redis does not answer.
        """
        keys: list[bytes] = self.redis.run(
            lambda client: cast("list[bytes]", client.zrevrange(f"{PREFIX}groups", 0, -1))
        )
        fields = (
            "total",
            "type",
            "message",
            "severity",
            "site",
            "parts",
            "first_seen_ms",
            "last_seen_ms",
            "last_event_id",
        )

        def read(client: Any) -> list[Sequence[bytes | None]]:
            pipe = client.pipeline(transaction=False)
            for key in keys:
                pipe.hmget(GROUP_PREFIX + key.decode(), fields)
            return list(pipe.execute())

        found = self.redis.run(read)
        return [
            {
                "fingerprint": key.decode(),
                **{name: (value or b"").decode() for name, value in zip(fields, row, strict=True)},
            }
            for key, row in zip(keys, found, strict=True)
            if row[0] is not None
        ]

    def drain(self) -> int:
        """Hand over what waits; return how many records went. Stops at the first refusal."""
        for handed_over in range(_DRAIN_BATCH):
            pending = self.backlog.take()
            if pending is None:
                return handed_over
            try:
                self._send(pending)
            except RedisUnavailable as error:
                pending.maybe_recorded = pending.maybe_recorded or error.asked
                self.backlog.give_back(pending)
                return handed_over
        return _DRAIN_BATCH

    def _send(self, pending: Pending) -> Outcome:
        event, fingerprint = pending.event, pending.fingerprint
        facts = {
            "type": event.error_type,
            "message": event.error_message,
            "severity": event.severity,
            "site": fingerprint.site,
            # The key is made of the parts as they are; what is shown of them is scrubbed like everything else.
            "parts": json.dumps([redact_text(part) for part in fingerprint.parts]),
        }
        keys = [
            *(PREFIX + name for name in ("ring", "records", "places", "groups", "totals")),
            GROUP_PREFIX + fingerprint.key,
            f"{PREFIX}operation:{pending.operation}",
        ]
        args = [
            _ms_of(event.timestamp), event.event_id, fingerprint.key, event.as_json(), pending.traceback,
            json.dumps(facts), conf.ring_size, conf.ring_seconds * 1000, conf.group_seconds,
            conf.window_seconds * 1000, conf.max_groups, GROUP_PREFIX, pending.occurrences, event.error_type,
            OPERATION_SECONDS,
        ]  # fmt: skip
        state, event_id, total, _n, is_new, forward, needs_traceback, represents = self.redis.script(
            "record_error", keys, args
        )
        return Outcome(
            state.decode(),
            event_id.decode(),
            total,
            bool(is_new),
            bool(forward),
            represents or 1,
            bool(needs_traceback),
        )

    def _keep(self, pending: Pending) -> Outcome:
        forward = self.backlog.passes(pending.fingerprint.key, time.monotonic(), conf.window_seconds)
        self.backlog.add(pending, conf.local_ring_size)
        return Outcome("kept", pending.event.event_id, forward=forward)


def _bounded_json(additions: dict[str, Any]) -> str:
    text = json.dumps(additions)
    if len(text) <= conf.max_event_bytes:
        return text
    return json.dumps({**additions, "context": {"[cut]": f"context of {len(text)} bytes left out"}})


def _now_ms() -> int:
    return int(timezone.now().timestamp() * 1000)


def _ms_of(timestamp: str) -> int:
    return int(datetime.fromisoformat(timestamp).timestamp() * 1000)


def _record(event_json: str | bytes, key: str, occurrences: int, traceback: str) -> dict[str, Any]:
    return {**json.loads(event_json), "fingerprint": key, "occurrences": occurrences, "traceback": traceback}


def _with_additions(record: dict[str, Any], additions: bytes) -> dict[str, Any]:
    for line in additions.splitlines():
        more = json.loads(line)
        record["context"] = {**more.pop("context", {}), **record["context"]}
        record.update({name: value for name, value in more.items() if value and not record.get(name)})
    return record
