"""Lines for a terminal: never too wide, never obeyed."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from designs.terminal_text import clean, fit, sparkline, width_of, wrap

HOSTILE = [
    "line\nbreak\r\nand\ttab",
    "\x1b[31mred\x1b[0m \x1b]0;title\x07",
    "right \u202eto left\u2066 and back",
    "zero\u200bwidth\ufeffspace",
    "e" + "\u0301" * 500,
    "漢字" * 100,
    "👩‍👩‍👧‍👦" * 50,
    "x" * 1_000,
    "\ud800 alone",
    "\x9b31m c1",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_is_one_line_that_a_terminal_only_draws(text: str) -> None:
    line = clean(text)

    assert not {unicodedata.category(char) for char in line} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert width_of(fit(text, 20)) <= 20


def test_what_is_plain_stays_as_it_is() -> None:
    assert clean("Größe: 3 m², 漢字") == "Größe: 3 m², 漢字"


def test_wide_characters_take_two_columns() -> None:
    assert width_of("漢字ab") == 6
    assert fit("漢字漢字漢字", 8) == "漢字..."


def test_a_short_text_can_be_filled_up() -> None:
    assert fit("漢", 5, pad=True) == "漢   "


@given(st.text(), st.integers(3, 90))
def test_no_line_is_wider_than_asked(text: str, width: int) -> None:
    assert all(width_of(line) <= width for line in [*wrap(text, width), fit(text, width)])


@given(st.text(), st.integers(3, 90))
def test_wrapping_loses_nothing(text: str, width: int) -> None:
    assert "".join(wrap(text, width)) == clean(text)


@pytest.mark.parametrize(
    ("counts", "encoding", "drawn"),
    [
        ([0, 1, 4, 8], "utf-8", " ▁▄█"),
        ([0, 1, 4, 8], "ascii", " .=@"),
        ([1, 1_000_000], None, ".@"),
        ([0, 0], "utf-8", "  "),
        ([], "utf-8", ""),
    ],
)
def test_a_sparkline_has_a_column_for_each_count(counts: list[int], encoding: str | None, drawn: str) -> None:
    assert sparkline(counts, encoding) == drawn
