"""Where durations fall, and how near percentiles come."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from designs.monitoring.metrics.buckets import (
    HIGHEST_INDEX,
    LE_BOUNDS_SECONDS,
    LOWEST_INDEX,
    Series,
    exponential_index,
    fold,
    le_index,
    merged,
    percentile,
)


def of(*durations: float) -> Series:
    series = Series()
    fold(series, durations)
    return series


def test_a_bound_belongs_to_its_bucket() -> None:
    assert of(*LE_BOUNDS_SECONDS).buckets == [1] * len(LE_BOUNDS_SECONDS) + [0]
    assert of(10.1, 1e9).buckets[-1] == 2


@given(st.floats(1e-6, 3_600, exclude_min=True))
def test_an_exponential_bucket_holds_what_is_between_its_bounds(seconds: float) -> None:
    index = exponential_index(seconds)

    assert 2 ** ((index - 1) / 32) <= seconds * (1 + 1e-12)
    assert seconds <= 2 ** (index / 32) * (1 + 1e-12)


@pytest.mark.parametrize(("seconds", "index"), [(0.0, LOWEST_INDEX), (-1, LOWEST_INDEX), (1e9, HIGHEST_INDEX)])
def test_what_is_beyond_all_buckets_falls_into_the_last(seconds: float, index: int) -> None:
    assert exponential_index(seconds) == index


@given(st.lists(st.one_of(st.floats(0, 4_000), st.sampled_from([*LE_BOUNDS_SECONDS, 1e-6, 2.0, 1e9])), max_size=60))
def test_many_fold_as_each_alone_would(durations: list[float]) -> None:
    whole = of(*durations)

    assert whole.count == len(durations)
    assert whole.buckets == [
        sum(le_index(seconds) == place for seconds in durations) for place in range(len(LE_BOUNDS_SECONDS) + 1)
    ]
    assert sum(whole.exponential.values()) == len(durations)
    for index, number in whole.exponential.items():
        assert number == sum(exponential_index(seconds) == index for seconds in durations)


def test_percentiles_of_four_merged_processes_are_within_a_hundredth() -> None:
    chance = random.Random(7)
    durations = [chance.lognormvariate(-3, 1.5) for _ in range(40_000)]
    series = merged(of(*durations[process::4]) for process in range(4))

    exact = sorted(durations)
    for quantile in (0.5, 0.95, 0.99, 0.999):
        truth = exact[math.ceil(quantile * len(exact)) - 1]
        found = percentile(series, quantile)
        assert found is not None
        assert abs(found / truth - 1) <= 0.011
    assert series.count == 40_000
    assert series.total_seconds == pytest.approx(sum(durations))
    assert (series.min_seconds, series.max_seconds) == (exact[0], exact[-1])


def test_a_percentile_of_one_duration_is_that_duration() -> None:
    assert percentile(of(0.123), 0.99) == 0.123
    assert percentile(Series(), 0.5) is None


def test_the_newest_exemplar_of_a_bucket_stays() -> None:
    one, other = of(0.1), of(0.1)
    one.exemplars, other.exemplars = {4: ("old", 0.1, 1.0)}, {4: ("new", 0.1, 2.0)}

    assert merged([other, one]).exemplars == merged([one, other]).exemplars == {4: ("new", 0.1, 2.0)}
