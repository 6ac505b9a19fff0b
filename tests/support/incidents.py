"""Three distinct incidents, recorded the way every failure is."""

from __future__ import annotations

from typing import Any

from designs.monitoring import ErrorTracker

__all__ = ["record_incidents"]


def record_incidents() -> list[dict[str, Any]]:
    """Fail in three ways and return the records."""
    records = []
    for fail in (_convert, _look_up, _divide):
        try:
            fail()
        except Exception as error:
            records.append(ErrorTracker.log_error(error))
    return records


def _convert() -> None:
    int("a part number")


def _look_up() -> None:
    {}["missing"]


def _divide() -> None:
    1 / 0  # noqa: B018
