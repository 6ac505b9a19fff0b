"""Slots with sequence numbers, which make record commands idempotent: a repeated command counts once.

A command without an answer may have been executed, or may still be (a hung server finds it in its socket). It must be
sent again, and must not count twice. To store the id of every occurrence in Redis would cost memory during a storm,
when memory is short, and would fail if the outage outlasts the stored ids. So each process has a few slots, each for
one command at a time. Redis stores the last sequence of each slot in the same atomic call that counts, and treats a
sequence that is not higher as a repetition. A command without an answer keeps its slot until it gets one.

Cost: one key of about 100 bytes per slot that a process ever used at the same time, for any number of occurrences. The
protection lasts as long as the key (two days after the slot's last use); a server that loses it has lost the counts
too.
"""

from __future__ import annotations

import secrets
from collections import deque
from itertools import count

__all__ = ["Slot", "Slots"]

MAX_SLOTS = 64
"""As many as connections. While all are in use, new occurrences wait in the backlog, and their counts stay exact."""


class Slot:
    """A slot for one command at a time; ``sequence`` belongs to its current or its last command.

    Args:
        name: Unique among the slots of all processes.
    """

    __slots__ = ("name", "sequence")

    def __init__(self, name: str) -> None:
        self.name = name
        self.sequence = 0


class Slots:
    """The slots of one process. Thread-safe: every step is one atomic operation of a deque."""

    def __init__(self) -> None:
        self.token = secrets.token_hex(8)
        self._free: deque[Slot] = deque()
        self._numbers = count()

    def acquire(self) -> Slot | None:
        """Return a free slot with its next sequence; None if all slots are in use."""
        try:
            slot = self._free.pop()
        except IndexError:
            number = next(self._numbers)
            if number >= MAX_SLOTS:
                return None
            slot = Slot(f"{self.token}:{number}")
        slot.sequence += 1
        return slot

    def release(self, slot: Slot) -> None:
        self._free.append(slot)
