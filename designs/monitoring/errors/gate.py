"""The gate: the rule that decides which occurrences of a group are forwarded. Pure.

Within a window the 1st, 10th, 100th, ... passes, and the first of a new group always passes. Redis decides for all
processes together (``record_error.lua``); this module applies the same rule in one process without Redis.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Window", "passes"]


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
