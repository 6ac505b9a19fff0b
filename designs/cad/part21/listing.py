"""Lists of part names for messages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

__all__ = ["listed"]

_NAMES_SHOWN: Final = 8
_LENGTH_SHOWN: Final = 60


def listed(names: Iterable[str]) -> str:
    """Return each name once, sorted and cut to a limit of number and length; empty without names."""
    distinct = sorted(set(names))
    shown = [name if len(name) <= _LENGTH_SHOWN else f"{name[: _LENGTH_SHOWN - 1]}…" for name in distinct]
    more = len(distinct) - _NAMES_SHOWN
    return ", ".join(shown[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")
