"""Counts of events lost on the way to Sentry, by reason. Each process adds its own to the outbox in Redis."""

from __future__ import annotations

import secrets
import threading
from collections import Counter

from integrations.redis import RedisUnavailable
from integrations.sentry.outbox.stream import outbox

__all__ = ["Losses", "losses"]

_DECISIONS = frozenset({"event_processor", "sample_rate", "backpressure"})
"""Reasons that the SDK reports as losses but that are decisions: the gate, which counts its own, and sampling."""


class Losses:
    """Thread-safe counters of lost events."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Reset all counters after a fork; the parent reports its own."""
        self._lock = threading.RLock()
        self._counts: Counter[str] = Counter()
        # The batch being sent. It is repeated under the same sequence number until Redis has answered.
        self._sent: Counter[str] = Counter()
        self._sequence = 0
        self._owner = secrets.token_hex(8)

    def record(self, reason: str, number: int = 1) -> None:
        """Count a loss; skip decisions."""
        if reason in _DECISIONS or number <= 0:
            return
        with self._lock:
            self._counts[f"dropped:{reason}"] += number

    def waiting(self) -> dict[str, int]:
        """Return the counts that are not in the outbox yet, by reason."""
        with self._lock:
            total = self._counts + self._sent
        return {name.removeprefix("dropped:"): number for name, number in total.items()}

    def flush(self) -> bool:
        """Add the counts to the outbox; return whether all are stored. Never raises."""
        store = outbox()
        if store is None or not (self._counts or self._sent):
            return not (self._counts or self._sent)
        with self._lock:
            if not self._sent:
                # Both names refer to the same object until the second is replaced: no count in between is lost.
                self._sent, self._counts = self._counts, Counter()
                self._sequence += 1
            sent, sequence = dict(self._sent), self._sequence
        try:
            store.count(sequence, self._owner, sent)
        except RedisUnavailable:
            return False
        with self._lock:
            if self._sequence == sequence:
                self._sent = Counter()
            return not self._counts


losses = Losses()
