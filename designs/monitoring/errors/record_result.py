"""The result of recording one occurrence."""

from __future__ import annotations

from typing import NamedTuple

from designs.monitoring.timestamps import iso_of_ms

__all__ = ["RecordResult"]


class RecordResult(NamedTuple):
    """Result of recording an occurrence.

    Attributes:
        state: ``recorded``; ``seen`` when this operation was recorded before; ``kept`` while Redis is unavailable.
        event_id: Id of the record; of the earlier record when ``seen``.
        occurrences: Total of the group.
        is_regressed: The group was resolved before this occurrence.
        forward: Whether the occurrence passes the gate.
        represents: Occurrences since the last one that passed.
        needs_facts: The group has no stored description yet.
        needs_traceback: The group has no stored traceback yet.
        in_window: Occurrences of the group in the gate's window, of all processes.
        first_seen_ms: First occurrence of the group, if this one is forwarded and Redis answered; else 0.
        joined: Key of the group that counted the occurrence, if it differs from the key sent; else empty.
    """

    state: str
    event_id: str
    occurrences: int = 1
    is_new: bool = False
    is_regressed: bool = False
    forward: bool = False
    represents: int = 1
    needs_facts: bool = False
    needs_traceback: bool = False
    in_window: int = 0
    first_seen_ms: int = 0
    joined: str = ""

    @property
    def first_seen(self) -> str:
        """``first_seen_ms`` in ISO format, UTC; empty if unknown."""
        return iso_of_ms(self.first_seen_ms) if self.first_seen_ms else ""
