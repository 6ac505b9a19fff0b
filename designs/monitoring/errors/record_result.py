"""The result of recording one occurrence."""

from __future__ import annotations

from typing import NamedTuple

from designs.monitoring.timestamps import iso_of_ms

__all__ = ["RecordResult"]


class RecordResult(NamedTuple):
    """What became of an occurrence.

    Attributes:
        state: ``recorded``; ``seen`` when this operation had been recorded before; ``kept`` while Redis is away.
        event_id: Id of the record, of the earlier one when ``seen``.
        occurrences: Total of the group.
        is_regressed: The group had been resolved before this happened.
        forward: Whether the gate lets it pass.
        represents: Occurrences since the last one that passed.
        needs_facts: The group is not described yet.
        needs_traceback: The group has no stored traceback yet.
        in_window: Occurrences of the group in the gate's window, of all processes.
        first_seen_ms: When the group began, where it is forwarded and Redis was asked; else 0.
        joined: Key of the group that counted it, where it is not the one that was sent; else empty.
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
        """The same, ISO in UTC; empty where it is not known."""
        return iso_of_ms(self.first_seen_ms) if self.first_seen_ms else ""
