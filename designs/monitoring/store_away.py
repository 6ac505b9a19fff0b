"""The exception of a read with an unknown result, as opposed to an empty one."""

from __future__ import annotations

__all__ = ["StoreAway"]


class StoreAway(Exception):
    """Redis does not answer, so the result is unknown. Views return 503; zero or an empty list would be wrong."""
