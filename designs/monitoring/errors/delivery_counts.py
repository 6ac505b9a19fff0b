"""Counts of recorded occurrences by delivery: told to Sentry, pending, or untold. Pure.

Each recorded occurrence is told (an event that was forwarded stands for it), pending (the next event of its group will
stand for it) or untold (no event will, for a reason). The three add up to what is recorded, at any moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

__all__ = ["REASONS", "TOLD", "UNTOLD", "Account", "account_of"]

TOLD, UNTOLD = "told", "untold:"
"""Fields of the error store's totals; behind the second stands the reason."""

REASONS = ("group_evicted", "group_expired", "sentry_off")
"""Why an occurrence stays untold: its group went for want of room or by age with it pending, or there was no DSN."""


class Account(NamedTuple):
    """The numbers.

    Attributes:
        recorded: All occurrences.
        told: Those that forwarded events stand for, whether Sentry has accepted the event or it still waits.
        pending: Those that wait for the next event of their group.
        untold: Those that no event will stand for, by reason; see `REASONS`.
    """

    recorded: int
    told: int
    pending: int
    untold: dict[str, int]

    def as_dict(self) -> dict[str, Any]:
        return self._asdict()


def account_of(totals: Mapping[str, int]) -> Account:
    """Return the account that the totals of the error store hold."""
    found = {name.removeprefix(UNTOLD): number for name, number in totals.items() if name.startswith(UNTOLD)}
    untold = {**dict.fromkeys(REASONS, 0), **found}
    recorded, told = totals.get("occurrences", 0), totals.get(TOLD, 0)
    return Account(recorded, told, recorded - told - sum(untold.values()), untold)
