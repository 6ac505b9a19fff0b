"""Timestamps as text, for all records, logs and pages. Pure.

Timestamps are in UTC and end in ``Z``. The text of the current second is cached, because many errors and log lines
share one second.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import lru_cache

from django.utils import timezone

__all__ = ["iso_milliseconds", "iso_now", "iso_of_ms", "iso_utc", "ms_of_iso", "now_ms"]


def iso_utc(moment: datetime) -> str:
    """Return ``2026-01-31T12:00:00.000000Z``."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    # Takes a quarter of the time of strftime.
    return f"{moment.isoformat(timespec='microseconds')[: -len('+00:00')]}Z"


def iso_now() -> str:
    """Return the current time in the format of `iso_utc`."""
    # Rounded: the frozen clock of freezegun is some nanoseconds off.
    seconds, microseconds = divmod((time.time_ns() + 500) // 1_000, 1_000_000)
    return f"{_iso_second(seconds)}.{microseconds:06d}Z"


def iso_milliseconds(seconds: float) -> str:
    """Return ``2026-01-31T12:00:00.000Z`` for seconds since the epoch."""
    # Rounds to the nearest microsecond first, as datetime does.
    whole = int(seconds // 1)
    microseconds = round((seconds - whole) * 1e6)
    if microseconds == 1_000_000:
        whole, microseconds = whole + 1, 0
    return f"{_iso_second(whole)}.{microseconds // 1000:03d}Z"


def iso_of_ms(ms: int) -> str:
    """Return the text of milliseconds since the epoch in the format of `iso_utc`."""
    return iso_utc(datetime.fromtimestamp(ms / 1000, UTC))


def ms_of_iso(timestamp: str) -> int:
    """Return the milliseconds since the epoch of a text in the format of `iso_utc`; microseconds are cut off."""
    return _seconds_of_iso(timestamp[:19]) * 1000 + int(timestamp[20:23])


def now_ms() -> int:
    """Return the milliseconds since the epoch, by Django's clock."""
    return int(timezone.now().timestamp() * 1000)


@lru_cache(maxsize=4)
def _iso_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()[: -len("+00:00")]


@lru_cache(maxsize=4)
def _seconds_of_iso(timestamp: str) -> int:
    return int(datetime.fromisoformat(f"{timestamp}+00:00").timestamp())
