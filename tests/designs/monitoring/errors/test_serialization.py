"""Moments as records write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from freezegun import freeze_time
from hypothesis import given
from hypothesis import strategies as st

from designs.context import RunContext
from designs.monitoring.errors.event import build_event
from designs.monitoring.timestamps import iso_of_ms, iso_utc, ms_of_iso

MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(MOMENTS)
def test_a_moment_is_read_back_without_its_microseconds(moment: datetime) -> None:
    ms = ms_of_iso(iso_utc(moment))

    assert ms == int(moment.timestamp()) * 1000 + moment.microsecond // 1000
    assert ms_of_iso(iso_of_ms(ms)) == ms


@pytest.mark.parametrize("fraction", ["000000", "000001", "999999", "120000"])
@pytest.mark.parametrize("second", ["1970-01-01T00:00:00", "2026-12-31T23:59:59", "2028-02-29T12:00:00"])
def test_an_event_happens_when_it_is_built(second: str, fraction: str) -> None:
    with freeze_time(f"{second}.{fraction}"):
        event = build_event("x", RunContext())

    assert event.timestamp == f"{second}.{fraction}Z"
