"""In-process backlog of occurrences while Redis is unavailable: bounded records, exact counts.

When the backlog is full, the largest group drops its oldest record, and the count moves to the group's next record. A
record that Redis may already hold (the command got no answer) keeps its own count, so that its operation id can still
identify a repetition.

A signal handler or a finalizer may record an error while its thread is inside this module. The addition is deferred
until the running call ends, and such a reentrant call removes no record.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from designs.monitoring.errors.command_slots import Slot
from designs.monitoring.errors.event import ErrorEvent
from designs.monitoring.errors.failure_reasons import add_reasons
from designs.monitoring.errors.gate import Window
from designs.monitoring.fingerprint import Fingerprint

__all__ = ["Backlog", "Pending"]

MAX_GROUPS = 1_000


@dataclass
class Pending:
    """An occurrence, or several of one group, that Redis has not acknowledged.

    Attributes:
        operation: Id under which other processes may report the same occurrence; mostly empty.
        maybe_recorded: The command was sent and got no answer.
        represented: Number of its occurrences that a forwarded event already represents.
        reasons: Number of its occurrences by stated reason, see `designs.monitoring.errors.failure_reasons`.
        slot: Slot of a command that Redis may have executed, see `designs.monitoring.errors.command_slots`.
    """

    event: ErrorEvent
    fingerprint: Fingerprint
    traceback: str
    operation: str = ""
    occurrences: int = 1
    maybe_recorded: bool = False
    represented: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    slot: Slot | None = None


class LastKnown(dict[str, tuple[int, float]]):
    """Occurrences in each group's window as Redis last returned them, with the time of the answer (monotonic seconds).

    Holds at most `MAX_GROUPS`; the oldest is evicted first.
    """

    def __setitem__(self, key: str, count_and_time: tuple[int, float]) -> None:
        if len(self) >= MAX_GROUPS and key not in self:
            self.pop(next(iter(self), ""), None)
        super().__setitem__(key, count_and_time)

    def within(self, key: str, now: float, window_seconds: float) -> int:
        """Return the count if it is more recent than one window, else 0."""
        count, at = self.get(key, (0, now))
        return count if now - at < window_seconds else 0


class _OwnedLock:
    """A reentrant lock that knows whether the calling thread holds it."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._by = self._depth = 0

    def is_mine(self) -> bool:
        return self._by == threading.get_ident()

    def __enter__(self) -> None:
        self._lock.acquire()
        self._depth += 1
        self._by = threading.get_ident()

    def __exit__(self, *error: object) -> None:
        self._depth -= 1
        if not self._depth:
            self._by = 0
        self._lock.release()


class Backlog:
    """Bounded queue of pending occurrences by group. Thread-safe.

    ``dropped`` counts lost occurrences by reason. ``last_known`` holds the last counts of all processes: without
    Redis, this process continues counting from there.
    """

    def __init__(self) -> None:
        self._lock = _OwnedLock()
        self._deferred: deque[Pending] = deque()
        self._deferred_evictions: list[Pending] = []
        self._groups: OrderedDict[str, deque[Pending]] = OrderedDict()
        self._windows: OrderedDict[str, Window] = OrderedDict()
        self._size = 0
        self._in_flight = 0
        self.dropped: Counter[str] = Counter()
        self.last_known = LastKnown()

    def __len__(self) -> int:
        return self._size + len(self._deferred)

    def add(self, pending: Pending, max_records: int) -> list[Pending]:
        """Add an occurrence; return the evicted records, whose counts were moved to another record or dropped."""
        if self._lock.is_mine():
            self._deferred.append(pending)
            return []
        with self._lock:
            evicted = self._insert(pending)
            self._insert_deferred()
            evicted += self._deferred_evictions
            self._deferred_evictions = []
            while self._size > max_records:
                evicted.append(self._evict_one())
            return evicted

    def passes(self, key: str, now: float, window_seconds: float) -> int:
        """Apply the gate's rule to this process alone; ``now`` in seconds.

        Returns:
            Number of occurrences that the passing one represents: itself, and the pending ones of its group that no
            event represents yet. Redis decides about the delivered ones. 0 when it does not pass.
        """
        is_reentrant = self._lock.is_mine()
        with self._lock:
            window = self._windows.setdefault(key, Window(now))
            window.count = max(window.count, self.last_known.within(key, now, window_seconds))
            self._windows.move_to_end(key)
            if len(self._windows) > MAX_GROUPS:
                self._windows.popitem(last=False)
            if not window.add(now, window_seconds):
                return 0
            return 1 if is_reentrant else 1 + self._mark_represented(key)

    def traceback_of(self, key: str) -> str:
        """Return the pending traceback of a group; empty when there is none."""
        if self._lock.is_mine():
            return ""
        with self._lock:
            return next((pending.traceback for pending in self._groups.get(key, ()) if pending.traceback), "")

    def take(self) -> Pending | None:
        """Remove and return the oldest record of the longest-waiting group; None when the backlog is empty."""
        if self._lock.is_mine():
            return None
        with self._lock:
            self._insert_deferred()
            for key, records in self._groups.items():
                pending = records.popleft()
                self._size -= 1
                self._in_flight += 1
                if not records:
                    del self._groups[key]
                return pending
            return None

    def give_back(self, pending: Pending) -> list[Pending]:
        """Reinsert a taken record; return the evicted ones."""
        with self._lock:
            self._in_flight -= 1
            return self._insert(pending, front=True)

    def settle(self) -> None:
        """Count a taken record as delivered."""
        with self._lock:
            self._in_flight -= 1

    @property
    def unsettled(self) -> int:
        """Number of records that are pending or in flight."""
        return len(self) + self._in_flight

    def merge(self, event_id: str, additions: Mapping[str, Any]) -> bool:
        """Add context from a second hook to a pending occurrence; return whether the occurrence is pending."""
        if self._lock.is_mine():
            return False
        with self._lock:
            self._insert_deferred()
            for records in self._groups.values():
                for pending in records:
                    if pending.event.event_id == event_id:
                        context = {**additions.get("context", {}), **pending.event.context}
                        pending.event = replace(pending.event, context=context)
                        return True
        return False

    def snapshot(self) -> list[Pending]:
        """Return the pending records, newest first."""
        if self._lock.is_mine():
            return []
        with self._lock:
            self._insert_deferred()
            waiting = [pending for records in self._groups.values() for pending in records]
        return sorted(waiting, key=lambda pending: pending.event.timestamp, reverse=True)

    def _mark_represented(self, key: str) -> int:
        """Mark a group's pending occurrences as represented by an event; return how many were not before.

        Skip records that Redis may hold: another process may have forwarded those.
        """
        number = 0
        for pending in self._groups.get(key, ()):
            if pending.maybe_recorded:
                continue
            number += pending.occurrences - pending.represented
            pending.represented = pending.occurrences
        return number

    def _insert_deferred(self) -> None:
        while self._deferred:
            self._deferred_evictions += self._insert(self._deferred.popleft())

    def _insert(self, pending: Pending, *, front: bool = False) -> list[Pending]:
        records = self._groups.setdefault(pending.fingerprint.key, deque())
        if front:
            records.appendleft(pending)
        else:
            records.append(pending)
        self._size += 1
        if len(self._groups) > MAX_GROUPS:
            _, lost = self._groups.popitem(last=False)
            self._size -= len(lost)
            self.dropped["backlog_groups_full"] += sum(pending.occurrences for pending in lost)
            return list(lost)
        return []

    def _evict_one(self) -> Pending:
        records = max(self._groups.values(), key=len)
        certain = [pending for pending in records if not pending.maybe_recorded]
        victim = certain[0] if certain else records[0]
        heir = certain[1] if len(certain) > 1 else None
        if heir is None:
            self.dropped["backlog_full"] += victim.occurrences
        else:
            heir.occurrences += victim.occurrences
            heir.represented += victim.represented
            add_reasons(heir.reasons, victim.reasons)
            heir.traceback = heir.traceback or victim.traceback
        records.remove(victim)
        self._size -= 1
        if not records:
            del self._groups[victim.fingerprint.key]
        return victim
