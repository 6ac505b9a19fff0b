"""Pairs of messages: values that vary are one message, words and codes that name a kind of failure make another."""

from __future__ import annotations

from itertools import combinations

import pytest

from designs.monitoring.fingerprint.messages import normalize_message
from tests.support.message_pairs import APART, MERGE

MERGED = [(name, text, values) for name, rows in MERGE.items() for text, values in rows]
KEPT_APART = [(name, text, values) for name, rows in APART.items() for text, values in rows]


@pytest.mark.parametrize(("name", "text", "values"), MERGED, ids=lambda value: str(value)[:40])
def test_values_that_vary_are_one_message(name: str, text: str, values: list[str]) -> None:
    cleaned = {value: normalize_message(text.format(value)) for value in values}

    assert len(set(cleaned.values())) == 1, cleaned


@pytest.mark.parametrize(("name", "text", "values"), KEPT_APART, ids=lambda value: str(value)[:40])
def test_kinds_of_failure_stay_apart(name: str, text: str, values: list[str]) -> None:
    cleaned = {value: normalize_message(text.format(value)) for value in values}

    assert len(set(cleaned.values())) == len(values), cleaned


def test_the_table_is_large_enough() -> None:
    pairs = [pair for _, _, values in [*MERGED, *KEPT_APART] for pair in combinations(values, 2)]

    assert len(pairs) >= 200
    assert len({*MERGE, *APART}) >= 30
