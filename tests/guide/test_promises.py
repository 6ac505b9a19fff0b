"""docs/promises.md: every heading of the guide, and tests and files that exist."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.guide.blocks import GUIDE, run

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "promises.md").read_text()
WITHOUT_A_TEST = ("not yet", "advice")
# Collected from a block of the guide, so that no source defines it.
AS_WRITTEN = {"test_geometry_error_handling"}


@dataclass(frozen=True)
class Promise:
    what: str
    kept_by: str
    test: str


def headings(text: str) -> list[str]:
    without_code = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"^#{2,} (.+)$", without_code, re.MULTILINE)


def promises() -> list[Promise]:
    rows = re.findall(r"^\| (.+?) \| (.+?) \| (.*?) ?\|$", TEXT, re.MULTILINE)
    return [Promise(*row) for row in rows if row[0] not in {"promise", "---"}]


def names_in(path: Path) -> set[str]:
    """Return the tests of a file as pytest names them, without parameters."""
    found: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            found |= {
                f"{node.name}::{one.name}"
                for one in node.body
                if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
            }
    return found | AS_WRITTEN


def test_the_headings_are_those_of_the_guide() -> None:
    assert headings(TEXT) == headings(GUIDE.read_text())


def test_there_are_promises_and_few_are_open() -> None:
    every = promises()

    assert len(every) > 80
    assert len([one for one in every if one.kept_by.startswith("not yet")]) == 5


@pytest.mark.parametrize("promise", promises(), ids=lambda promise: promise.what)
def test_a_promise_is_kept_by_a_file_and_held_by_a_test(promise: Promise) -> None:
    if promise.kept_by.startswith(WITHOUT_A_TEST):
        assert promise.test == ""
        return
    kept_by, test = promise.kept_by.strip("`"), promise.test.strip("`")
    assert (ROOT / kept_by).is_file(), kept_by
    path, _, name = test.partition("::")
    assert name.rpartition("::")[2].startswith("test_")
    assert name in names_in(ROOT / path), test


def test_the_tests_that_are_written_in_the_guide_are_there() -> None:
    assert set(run("test of errors")) >= AS_WRITTEN


def test_the_references_of_the_guide_lead_somewhere() -> None:
    section = GUIDE.read_text().partition("## References\n")[2].partition("\n## ")[0]
    paths = re.findall(r"^- `(.+?)`", section, re.MULTILINE)

    assert len(paths) == 6
    assert [path for path in paths if not (ROOT / path).exists()] == []
