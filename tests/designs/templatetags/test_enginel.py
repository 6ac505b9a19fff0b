"""How the pages say things."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from freezegun import freeze_time

from designs.templatetags import enginel as tags

NOTHING = "\u2013"
NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


@freeze_time(NOW)
@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (NOW, "just now"),
        (NOW - timedelta(seconds=59), "just now"),
        (NOW - timedelta(minutes=1), "1 min ago"),
        (NOW - timedelta(minutes=119), "1 h ago"),
        (NOW - timedelta(days=3), "3 d ago"),
        (NOW + timedelta(hours=1), "just now"),
        ("2026-05-04T11:55:00Z", "5 min ago"),
        ("2026-05-04T11:55:00", "5 min ago"),
        ("nonsense", ""),
        (None, ""),
    ],
)
def test_ages(value: Any, shown: str) -> None:
    assert tags.ago(value) == shown


@freeze_time(NOW)
@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (datetime(2026, 5, 4, 9, 5, tzinfo=UTC), ">09:05 UTC<"),
        (datetime(2026, 5, 4, 1, 5, tzinfo=timezone(timedelta(hours=2))), ">03 May 23:05 UTC<"),
        ("<script>", NOTHING),
        (None, NOTHING),
    ],
)
def test_moments(value: Any, shown: str) -> None:
    assert shown in tags.moment(value)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, NOTHING),
        (0.42, "0.4 ms"),
        (99.94, "99.9 ms"),
        (412.8, "413 ms"),
        (2310, "2.31 s"),
        (41_000, "41.0 s"),
        (150_000, "2.5 min"),
    ],
)
def test_durations(value: float | None, shown: str) -> None:
    assert tags.milliseconds(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(None, NOTHING), (0, "0 %"), (0.0004, "< 0.1 %"), (0.0312, "3.1 %"), (1.0, "100 %")]
)
def test_ratios(value: float | None, shown: str) -> None:
    assert tags.percent(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, NOTHING),
        (0, "0"),
        (12.0, "12"),
        (1.5, "1.50"),
        (812.44, "812.4"),
        (120_411, "120,411"),
        (10**7, "10.0 M"),
    ],
)
def test_amounts(value: float | None, shown: str) -> None:
    assert tags.amount(value) == shown


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ("healthy", "Everything works"),
        ("degraded", "Works, with warnings: Celery"),
        ("unhealthy", "Not working: CAD kernel"),
        ("other", "Nothing is known yet"),
    ],
)
def test_headlines(status: str, shown: str) -> None:
    components = [{"name": "celery", "status": "degraded"}, {"name": "kernel", "status": "unhealthy"}]

    assert tags.headline(status, components) == shown
