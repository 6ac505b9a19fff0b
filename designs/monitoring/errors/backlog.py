"""What a process remembers of occurrences while Redis is away: bounded records, exact counts.

Too many records: the group that holds most gives up its oldest, whose count moves to the group's next record. One
that Redis may have taken already (it was asked and did not answer) keeps its own count, so that its operation id can
still tell a repetition.

A signal handler or a finalizer may record an error in the middle of what its thread does here. What it adds is put
aside until that is done, and nothing is taken for it.
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
        operation: Id under which other processes may report it too; empty for most.
        maybe_recorded: Redis was asked and did not answer.
        represented: For how many of its occurrences a forwarded event stands already.
        reasons: How many of its occurrences state which reason, see `designs.monitoring.errors.failure_reasons`.
        slot: Held by one that Redis may have recorded, see `designs.monitoring.errors.command_slots`.
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
    """Occurrences of each group's window as Redis told them last, and when (monotonic seconds).

    At most `MAX_GROUPS`, the eldest out first.
    """

    def __setitem__(self, key: str, told: tuple[int, float]) -> None:
        if len(self) >= MAX_GROUPS and key not in self:
            self.pop(next(iter(self), ""), None)
        super().__setitem__(key, told)

    def within(self, key: str, now: float, window_seconds: float) -> int:
        """Return the number if it is no older than a window, else 0."""
        count, at = self.get(key, (0, now))
        return count if now - at < window_seconds else 0


class _Held:
    """A lock that tells whether it is this thread's already."""

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
    """Thread-safe. ``dropped`` counts occurrences lost by reason.

    ``last_known`` is where a process that is left alone begins to count: where all of them together had come to.
    """

    def __init__(self) -> None:
        self._lock = _Held()
        self._aside: deque[Pending] = deque()
        self._gone_aside: list[Pending] = []
        self._groups: OrderedDict[str, deque[Pending]] = OrderedDict()
        self._windows: OrderedDict[str, Window] = OrderedDict()
        self._size = 0
        self._in_flight = 0
        self.dropped: Counter[str] = Counter()
        self.last_known = LastKnown()

    def __len__(self) -> int:
        return self._size + len(self._aside)

    def add(self, pending: Pending, max_records: int) -> list[Pending]:
        """Keep an occurrence; return those that had to go for it, counted by now in another or as dropped."""
        if self._lock.is_mine():
            self._aside.append(pending)
            return []
        with self._lock:
            gone = self._insert(pending)
            self._fetch_aside()
            gone += self._gone_aside
            self._gone_aside = []
            while self._size > max_records:
                gone.append(self._shrink())
            return gone

    def passes(self, key: str, now: float, window_seconds: float) -> int:
        """Apply the gate's rule to this process alone; ``now`` in seconds.

        Returns:
            How many occurrences the one that passes stands for: itself, and those of its group that wait here and no
            event stands for yet. What was handed over is Redis' to forward. 0 when it does not pass.
        """
        in_the_middle = self._lock.is_mine()
        with self._lock:
            window = self._windows.setdefault(key, Window(now))
            window.count = max(window.count, self.last_known.within(key, now, window_seconds))
            self._windows.move_to_end(key)
            if len(self._windows) > MAX_GROUPS:
                self._windows.popitem(last=False)
            if not window.add(now, window_seconds):
                return 0
            return 1 if in_the_middle else 1 + self._represent(key)

    def traceback_of(self, key: str) -> str:
        """Return the traceback that waits for a group; empty when there is none."""
        if self._lock.is_mine():
            return ""
        with self._lock:
            return next((pending.traceback for pending in self._groups.get(key, ()) if pending.traceback), "")

    def take(self) -> Pending | None:
        """Remove and return the oldest record of the group that waits longest; None when there is nothing."""
        if self._lock.is_mine():
            return None
        with self._lock:
            self._fetch_aside()
            for key, records in self._groups.items():
                pending = records.popleft()
                self._size -= 1
                self._in_flight += 1
                if not records:
                    del self._groups[key]
                return pending
            return None

    def give_back(self, pending: Pending) -> list[Pending]:
        """Keep again what was taken; return what had to go for it."""
        with self._lock:
            self._in_flight -= 1
            return self._insert(pending, front=True)

    def settle(self) -> None:
        """Say that one that was taken has arrived."""
        with self._lock:
            self._in_flight -= 1

    @property
    def unsettled(self) -> int:
        """How many records wait or are on their way."""
        return len(self) + self._in_flight

    def merge(self, event_id: str, additions: Mapping[str, Any]) -> bool:
        """Add what a second hook knows to an occurrence that still waits; True when it does."""
        if self._lock.is_mine():
            return False
        with self._lock:
            self._fetch_aside()
            for records in self._groups.values():
                for pending in records:
                    if pending.event.event_id == event_id:
                        context = {**additions.get("context", {}), **pending.event.context}
                        pending.event = replace(pending.event, context=context)
                        return True
        return False

    def snapshot(self) -> list[Pending]:
        """Return what waits, newest first."""
        if self._lock.is_mine():
            return []
        with self._lock:
            self._fetch_aside()
            waiting = [pending for records in self._groups.values() for pending in records]
        return sorted(waiting, key=lambda pending: pending.event.timestamp, reverse=True)

    def _represent(self, key: str) -> int:
        """Note that an event covers the waiting occurrences of a group; return how many were not covered before.

        Not for those that Redis may have recorded: there another process may have forwarded them.
        """
        number = 0
        for pending in self._groups.get(key, ()):
            if pending.maybe_recorded:
                continue
            number += pending.occurrences - pending.represented
            pending.represented = pending.occurrences
        return number

    def _fetch_aside(self) -> None:
        while self._aside:
            self._gone_aside += self._insert(self._aside.popleft())

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
            self.dropped["backlog_groups_full"] += sum(gone.occurrences for gone in lost)
            return list(lost)
        return []

    def _shrink(self) -> Pending:
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
