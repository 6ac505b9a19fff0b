"""Telling a command that was lost from one whose answer was lost: slots with a sequence each.

A command that got no answer may have been carried out, or may be still (a server that hung finds it in its socket). It
has to be sent again, and must not count twice. Remembering every occurrence in Redis for as long as an outage may last
costs memory just when a storm needs it, and fails the outage that lasts longer. So each process has a few slots, each
for one command at a time: Redis keeps the last sequence of every slot, in the same atomic call that counts, and takes
what is not beyond it as a repetition. A command without an answer holds its slot until it has one.

Cost: one key of some 100 bytes for each slot a process ever used at once, however many occurrences there are. Safe for
as long as the key lives (two days beyond the slot's last use); a server that loses it has lost the counts too.
"""

from __future__ import annotations

import secrets
from collections import deque
from itertools import count

__all__ = ["Slot", "Slots"]

MAX_SLOTS = 64
"""As many as connections. With all of them taken nothing new is sent: it waits, and is exact."""


class Slot:
    """One command at a time; ``sequence`` is that of the command that holds it, or held it last.

    Args:
        name: No other slot of any process has it.
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
        """Return a slot with its next sequence; None when all are taken."""
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
