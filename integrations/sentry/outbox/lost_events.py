"""What was lost on the way to Sentry, by reason: counted in the process, added to the store when Redis answers."""

from __future__ import annotations

import secrets
import threading
from collections import Counter

from integrations.redis import RedisUnavailable
from integrations.sentry.outbox.stream import outbox

__all__ = ["Losses", "losses"]

_DECISIONS = frozenset({"event_processor", "sample_rate", "backpressure"})
"""The SDK calls these losses, too: here they are what the gate held back and counts itself, and sampling."""


class Losses:
    """Thread-safe."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything, after a fork: what was counted before is the parent's to tell."""
        self._lock = threading.RLock()
        self._counts: Counter[str] = Counter()
        # What is on its way: it goes again, under the same number, until Redis has answered.
        self._sent: Counter[str] = Counter()
        self._sequence = 0
        self._owner = secrets.token_hex(8)

    def record(self, reason: str, number: int = 1) -> None:
        """Count a loss, unless it was a decision."""
        if reason in _DECISIONS or number <= 0:
            return
        with self._lock:
            self._counts[f"dropped:{reason}"] += number

    def waiting(self) -> dict[str, int]:
        """Return what the store does not know yet, by reason."""
        with self._lock:
            total = self._counts + self._sent
        return {name.removeprefix("dropped:"): number for name, number in total.items()}

    def flush(self) -> bool:
        """Add to the store; return whether nothing waits any more. Never raises."""
        store = outbox()
        if store is None or not (self._counts or self._sent):
            return not (self._counts or self._sent)
        with self._lock:
            if not self._sent:
                # The same object until it is replaced: who counts in the middle of this is not lost.
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
