"""Measures of the house rules: the English of docstrings and comments, and the size of modules."""

from __future__ import annotations

import ast
import re

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


ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()
ANSWERS = re.findall(
    r"^\| (?P<question>[^|]+\?) \| `(?P<file>[^`]+)` \| (?P<names>[^|]+) \|$", ARCHITECTURE, re.MULTILINE
)


def test_twelve_questions_are_answered() -> None:
    assert len(ANSWERS) == 12


@pytest.mark.parametrize(("question", "file", "names"), ANSWERS)
def test_the_file_that_answers_a_question_defines_the_names(question: str, file: str, names: str) -> None:
    body = ast.parse((ROOT / file).read_text()).body
    defined = {node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    assigned = {
        target.id
        for node in body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }

    assert set(re.findall(r"`(\w+)`", names)) <= defined | assigned


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`((?:designs|integrations|enginel|tests)/[\w/.]+)`", ARCHITECTURE)))
)
def test_a_path_of_the_architecture_exists(path: str) -> None:
    assert (ROOT / path).exists()
