"""Measures of the house rules: the English of docstrings and comments, and the size of modules."""

from __future__ import annotations

import pytest

from tests.support.imports import PACKAGES, ROOT, SOURCES
from tests.support.prose import AVOIDED, measure


def test_docstrings_and_comments_are_plain() -> None:
    found = measure(ROOT / package for package in PACKAGES)

    assert found.words > 50_000
    assert found.per_thousand <= 0.5, found.places


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("tell", "The worker is told of it."),
        ("somebody", "Called by whoever has the lock."),
        ("what", "Return what the server has sent."),
        ("what", "What waits in the parent is its own."),
    ],
)
def test_the_measure_finds_a_phrase(kind: str, text: str) -> None:
    assert AVOIDED[kind].search(text)


@pytest.mark.parametrize("text", ["Return the newest records.", "Whether the lock is held.", "A detailed list."])
def test_the_measure_passes_plain_words(text: str) -> None:
    assert not any(pattern.search(text) for pattern in AVOIDED.values())


def test_modules_are_short() -> None:
    lines = {module: len(path.read_text().splitlines()) for module, path in SOURCES.items()}

    assert {module: length for module, length in lines.items() if length > 400} == {}
    assert sum(length <= 300 for length in lines.values()) >= 0.95 * len(lines)
