"""Counts of recorded occurrences by delivery state: represented in Sentry, pending, or never represented. Pure.

Each recorded occurrence is in one state. A forwarded event represents it, the next event of its group will represent
it, or no event ever will, for a counted reason. The three counts always add up to the number of recorded occurrences.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

__all__ = ["REASONS", "TOLD", "UNTOLD", "Account", "account_of"]

TOLD, UNTOLD = "told", "untold:"
"""Fields of the error store's totals. The reason follows the second as a suffix."""

REASONS = ("group_evicted", "group_expired", "sentry_off")
"""Reasons why no event represents an occurrence: its group was evicted or expired while it was pending, or no DSN."""


class Account(NamedTuple):
    """The counts.

    Attributes:
        recorded: All occurrences.
        told: Occurrences that forwarded events represent, whether Sentry accepted the event or it is still queued.
        pending: Occurrences that the next event of their group will represent.
        untold: Occurrences that no event will represent, by reason; see `REASONS`.
    """

    recorded: int
    told: int
    pending: int
    untold: dict[str, int]

    def as_dict(self) -> dict[str, Any]:
        return self._asdict()


def account_of(totals: Mapping[str, int]) -> Account:
    """Return the account from the totals of the error store."""
    found = {name.removeprefix(UNTOLD): number for name, number in totals.items() if name.startswith(UNTOLD)}
    untold = {**dict.fromkeys(REASONS, 0), **found}
    recorded, told = totals.get("occurrences", 0), totals.get(TOLD, 0)
    return Account(recorded, told, recorded - told - sum(untold.values()), untold)
