"""The failure of a read whose answer is unknown, as opposed to empty."""

from __future__ import annotations

__all__ = ["StoreAway"]


class StoreAway(Exception):
    """Redis does not answer, so the answer is unknown. Views answer 503; zero or an empty list would be wrong."""
