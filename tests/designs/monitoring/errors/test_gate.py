"""The gate passes the 1st, 10th, 100th, ... of a window."""

from __future__ import annotations

import pytest

from designs.monitoring.errors.gate import Window, passes


def test_singles_pass_at_powers_of_ten() -> None:
    assert [n for n in range(1, 2001) if passes(n - 1, n)] == [1, 10, 100, 1000]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (0, 1, True),
        (1, 9, False),
        (5, 50, True),
        (9, 10, True),
        (10, 99, False),
        (2, 5000, True),
        (3, 3, False),
    ],
)
def test_a_jump_passes_when_it_crosses_a_power_of_ten(before: int, after: int, expected: bool) -> None:
    assert passes(before, after) is expected


def test_a_window_counts_until_it_ends_and_then_begins_again() -> None:
    window = Window(began_at=0)

    first = [window.add(now, 300) for now in range(300)]
    assert [n for n, passed in enumerate(first, 1) if passed] == [1, 10, 100]

    assert window.add(300, 300)
    assert window.count == 1


def test_a_clock_that_goes_back_begins_a_new_window() -> None:
    window = Window(began_at=1000)
    window.add(1000, 300)

    assert window.add(10, 300)
    assert window.began_at == 10


def test_threads_that_come_in_another_order_than_they_looked_at_the_clock_share_a_window() -> None:
    window = Window(began_at=1000.0, count=1_500)

    assert not window.add(999.999, 300)
    assert window.count == 1_501
