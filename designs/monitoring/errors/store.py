"""Error store in Redis: ring, groups and totals, with one Lua call per occurrence; a backlog during outages.

All keys of one call share the hash tag ``{errors}``, so a cluster keeps them on one node.
"""

from __future__ import annotations

import time
from typing import Any, cast

from django.conf import settings

from designs.conf import conf
from designs.monitoring.errors import groups
from designs.monitoring.errors.backlog import Backlog, Pending
from designs.monitoring.errors.backlog_drain import Handover
from designs.monitoring.errors.command_slots import Slots
from designs.monitoring.errors.event import ErrorEvent
from designs.monitoring.errors.keys import GROUP_PREFIX, PREFIX
from designs.monitoring.errors.record_command import command_of, result_of
from designs.monitoring.errors.record_result import RecordResult
from designs.monitoring.errors.serialization import (
    bounded_json,
    facts_of,
    record_of,
    with_additions,
)
from designs.monitoring.fingerprint import Fingerprint
from designs.monitoring.guard import guarded
from designs.monitoring.timestamps import now_ms
from integrations.redis import FailFastRedis, RedisUnavailable, Script, redis_for

__all__ = ["ErrorStore", "RecordResult", "error_store"]

_MERGE_ERROR = Script("designs.monitoring.errors", "merge_error")
_READ_ERRORS = Script("designs.monitoring.errors", "read_errors")

_DRAIN_BATCH = 50


class ErrorStore:
    """Writes and reads occurrences. One per process; thread-safe."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Discard the backlog and the slots; in a forked child they are copies of the parent's."""
        self.backlog = Backlog()
        self.slots = Slots()
        self.handover = Handover(self.drain, lambda: len(self.backlog), lambda: self.backlog.unsettled)

    def close(self) -> None:
        """Deliver the backlog before the process ends; takes a second at most."""
        if self.backlog.unsettled:
            self.redis.close_breaker()
            self.handover.close()

    @property
    def redis(self) -> FailFastRedis:
        return redis_for(settings.REDIS_URL)

    def record(
        self,
        event: ErrorEvent,
        fingerprint: Fingerprint,
        *,
        traceback: str = "",
        operation: str = "",
        reason: str = "",
        describe: bool = True,
    ) -> RecordResult:
        """Record one occurrence in one round trip; during a Redis outage, keep it and apply the gate locally.

        Args:
            event: The occurrence.
            fingerprint: Its group.
            traceback: Its traceback, for a group that may have none.
            operation: Id of the failing operation (a task attempt) if other processes may report it too: repeated
                reports of one id count once.
            reason: Word by which its group counts it, too; see `designs.monitoring.errors.failure_reasons`.
            describe: Whether to send the facts of the group; not needed if Redis is known to have them.
        """
        pending = Pending(event, fingerprint, traceback, operation, reasons={reason: 1} if reason else {})
        try:
            result = self._send(pending, live=True, describe=describe)
        except RedisUnavailable:
            result = self._keep(pending)
            self.handover.wake()
            return result
        self.backlog.last_known[result.joined or fingerprint.key] = (result.in_window, time.monotonic())
        if self.backlog and not self.handover.wake(at_once=True):
            self.drain()
        return result

    def merge(
        self,
        event_id: str,
        fingerprint: Fingerprint | str,
        additions: dict[str, Any] | None,
        traceback: str = "",
        *,
        describe: ErrorEvent | None = None,
    ) -> bool:
        """Add facts of a second hook to a recorded occurrence; return whether ring or backlog still contain it.

        Args:
            event_id: The recorded occurrence.
            fingerprint: Its group, or the key of its group.
            additions: The facts to add.
            traceback: Its traceback, for a group without one.
            describe: An occurrence that provides the facts of the group, for a group without them.
        """
        if additions and self.backlog.merge(event_id, additions):
            return True
        key = fingerprint if isinstance(fingerprint, str) else fingerprint.key
        facts = "" if describe is None or isinstance(fingerprint, str) else facts_of(describe, fingerprint)
        args = [event_id, bounded_json(additions) if additions else "", traceback, facts, PREFIX, key, now_ms()]
        try:
            return bool(
                self.redis.script(_MERGE_ERROR, [f"{PREFIX}ring", f"{PREFIX}records", GROUP_PREFIX + key], args)
            )
        except RedisUnavailable:
            return False

    def resolve(self, key: str) -> bool:
        """Mark a group as resolved: its next occurrence is a regression. Return False if it is unknown.

        Raises:
            RedisUnavailable: Redis does not answer.
        """
        return groups.resolve(self.redis, key, now_ms())

    def recent(self, limit: int) -> list[dict[str, Any]]:
        """Return at most ``limit`` records, newest first, none older than the ring's age.

        While Redis is unavailable, these are the records in the backlog of this process.
        """
        try:
            return self.read_recent(limit)
        except RedisUnavailable:
            return self._backlog_records()[:limit]

    def read_recent(self, limit: int) -> list[dict[str, Any]]:
        """Return the records of all processes, as `recent` does.

        Raises:
            RedisUnavailable: Redis does not answer.
        """
        if self.backlog:
            self.drain()
        args = [limit, now_ms() - conf.ring_seconds * 1000, GROUP_PREFIX]
        waiting = self._backlog_records()
        entries, of_groups = self.redis.script(_READ_ERRORS, [f"{PREFIX}ring", f"{PREFIX}records"], args)
        totals = {key: (int(total), text.decode("utf-8", "replace")) for key, total, text in of_groups}
        stored: list[dict[str, Any]] = []
        for key, record, additions in entries:
            # An unreadable record must not hide the others.
            with guarded("unreadable_record"):
                stored.append(with_additions(record_of(record, key.decode(), *totals[key]), additions))
        if not waiting:
            return stored
        known = {record["event_id"] for record in stored}
        fresh = [record for record in waiting if record["event_id"] not in known]
        return sorted([*stored, *fresh], key=lambda record: record["timestamp"], reverse=True)[:limit]

    def _backlog_records(self) -> list[dict[str, Any]]:
        pending = self.backlog.snapshot()
        tracebacks = {p.fingerprint.key: p.traceback for p in pending if p.traceback}
        return [
            record_of(p.event.as_json(), p.fingerprint.key, p.occurrences, tracebacks.get(p.fingerprint.key, ""))
            for p in pending
        ]

    def totals(self) -> dict[str, int]:
        """Return counts: ``occurrences``, ``groups``, ``forwarded``, ``by:<kind>|<severity>|<source>``, ...

        Raises:
            RedisUnavailable: Redis does not answer.
        """
        raw: dict[bytes, bytes] = self.redis.run(
            lambda client: cast("dict[bytes, bytes]", client.hgetall(f"{PREFIX}totals"))
        )
        return {field.decode("utf-8", "replace"): int(count) for field, count in raw.items() if count.isdigit()}

    def groups(self, limit: int | None = None) -> list[dict[str, Any]]:
        """Return groups, most recent first, without their tracebacks.

        Raises:
            RedisUnavailable: Redis does not answer.
        """
        return groups.read_groups(self.redis, limit)

    def group(self, key: str) -> dict[str, Any] | None:
        """Return one group in full; None if it is unknown.

        Raises:
            RedisUnavailable: Redis does not answer.
        """
        return groups.read_group(self.redis, key, now_ms())

    def key_of_group(self, key: str) -> str:
        """Return the key of the group that a key or an alias leads to; the key itself if there is no such group.

        Raises:
            RedisUnavailable: Redis does not answer.
        """
        return groups.key_of_group(self.redis, key)

    def drain(self, batch: int = _DRAIN_BATCH) -> int:
        """Deliver up to ``batch`` records of the backlog; return the number delivered. Stops at the first failure."""
        backlog = self.backlog
        for delivered in range(batch):
            pending = backlog.take()
            if pending is None:
                return delivered
            try:
                self._send(pending, live=False, describe=True)
            except RedisUnavailable:
                self._release(backlog.give_back(pending))
                return delivered
            except BaseException:
                backlog.settle()
                raise
            backlog.settle()
        return batch

    def _send(self, pending: Pending, *, live: bool, describe: bool) -> RecordResult:
        gateway = self.redis
        if gateway.is_open:
            # Checked before the command is built.
            raise RedisUnavailable("breaker open", asked=False)
        if pending.slot is None:
            pending.slot = self.slots.acquire()
        slot = pending.slot
        if slot is None:
            raise RedisUnavailable("too many commands without an answer", asked=False)
        try:
            answer = gateway.script(*command_of(pending, slot, live=live, describe=describe))
        except RedisUnavailable as error:
            if not (error.asked or pending.maybe_recorded):
                self.slots.release(slot)
                pending.slot = None
            pending.maybe_recorded = pending.maybe_recorded or error.asked
            raise
        except BaseException:
            # After any exception, the slot must be free for its next command.
            self.slots.release(slot)
            pending.slot = None
            raise
        self.slots.release(slot)
        pending.slot = None
        return result_of(answer, pending.event.event_id)

    def _keep(self, pending: Pending) -> RecordResult:
        represents = self.backlog.passes(pending.fingerprint.key, time.monotonic(), conf.window_seconds)
        pending.represented = int(represents > 0)
        self._release(self.backlog.add(pending, conf.local_ring_size))
        return RecordResult("kept", pending.event.event_id, forward=represents > 0, represents=represents or 1)

    def _release(self, dropped: list[Pending]) -> None:
        for pending in dropped:
            if pending.slot is not None:
                self.slots.release(pending.slot)


error_store = ErrorStore()
