"""The gate: the rules that decide which occurrences of a group are forwarded, and the states of a group. Pure.

Within a window the 1st, 10th, 100th, ... passes; the first of a new group and one of a regressed group always pass.
Redis decides for all processes together: ``record_error.lua`` is `count_occurrences` made atomic, and a property test
compares both. Without Redis, one process decides alone by `Window`.

States: ``new`` until its first window has ended, then ``ongoing``; ``resolved`` by hand; ``regressed`` by the first
occurrence after that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

__all__ = ["Decision", "Group", "Window", "count_occurrences", "passes", "resolve"]


def passes(before: int, after: int) -> bool:
    """Return whether counting from ``before`` to ``after`` occurrences crosses 1, 10, 100, ..."""
    step = 1
    while step <= after:
        if before < step:
            return True
        step *= 10
    return False


@dataclass
class Window:
    """One group's count since its window began."""

    began_at: float
    count: int = 0

    def add(self, now: float, window_seconds: float) -> bool:
        """Count one occurrence at ``now`` (seconds); return whether it passes."""
        # Absolute: threads may arrive in another order than they read the clock.
        if abs(now - self.began_at) >= window_seconds:
            self.began_at, self.count = now, 0
        self.count += 1
        return passes(self.count - 1, self.count)


@dataclass(frozen=True)
class Group:
    """The counts and the state of a group, as far as the rules need them.

    Attributes:
        total: Occurrences.
        forwarded: Occurrences that forwarded events represent; the rest is pending.
        window_began_ms: Begin of the window; None before the first live occurrence.
        window_count: Live occurrences in the window.
        state: ``new``, ``ongoing``, ``resolved`` or ``regressed``.
        resolved_ms: Time of the last resolution; 0 if there was none.
    """

    total: int = 0
    forwarded: int = 0
    window_began_ms: int | None = None
    window_count: int = 0
    state: str = "new"
    resolved_ms: int = 0


class Decision(NamedTuple):
    """The decision about an occurrence, or about a late batch.

    Attributes:
        represents: Occurrences that the forwarded event represents; 0 if none is forwarded.
    """

    is_new: bool
    is_regressed: bool
    forward: bool
    represents: int


def count_occurrences(
    group: Group | None, now_ms: int, *, window_ms: int, number: int = 1, forwarded_late: int | None = None
) -> tuple[Group, Decision]:
    """Count occurrences in a group and decide whether an event is forwarded.

    Args:
        group: The group before; None for a new one.
        now_ms: Time of the occurrence by the clock of its host.
        window_ms: Length of the window.
        number: Occurrences of a late batch.
        forwarded_late: For a late batch: occurrences that its process forwarded already. None for a live occurrence.

    Returns:
        The group afterwards, and the decision. A late batch is never forwarded, and does not count in the window.
    """
    is_new, before = group is None, group or Group()
    # An occurrence before the group was resolved does not reopen it when it is recorded late.
    is_regressed = before.state == "resolved" and now_ms >= before.resolved_ms
    after = replace(before, total=before.total + number, state="regressed" if is_regressed else before.state)
    if forwarded_late is not None:
        return replace(after, forwarded=before.forwarded + forwarded_late), Decision(is_new, is_regressed, False, 0)
    began_ms, count = before.window_began_ms, before.window_count
    # Clocks of hosts differ, so a time shortly before the window counts as within it.
    if began_ms is None or not began_ms - window_ms <= now_ms < began_ms + window_ms:
        began_ms, count = now_ms, 0
        if after.state == "new" and not is_new:
            after = replace(after, state="ongoing")
    after = replace(after, window_began_ms=began_ms, window_count=count + number)
    if not (is_new or is_regressed or passes(count, count + number)):
        return after, Decision(is_new, is_regressed, False, 0)
    represents = after.total - before.forwarded
    return replace(after, forwarded=after.total), Decision(is_new, is_regressed, True, represents)


def resolve(group: Group, now_ms: int) -> Group:
    """Return the group marked as resolved."""
    return replace(group, state="resolved", resolved_ms=now_ms)
