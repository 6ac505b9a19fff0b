"""The closed set of words that reports of controlled designs may say holds what the code states, and nothing else."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from designs.exceptions import CorruptedFile, EnginelBaseException
from designs.monitoring.controlled.stated_words import is_word
from designs.monitoring.withheld import ids_only, own_words

CAD = Path(__file__).resolve().parents[4] / "designs" / "cad"
NAMES = {"stage", "reason", "failure", "outcome"}
WORD = re.compile(r"[a-z][a-z_]*\Z")


def stated() -> Iterator[str]:
    """Give each word that the code which reads files states under a name that takes words, or as a reason."""
    for path in CAD.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Dict):
                named = zip(node.keys, node.values, strict=True)
                yield from (text_of(value) for key, value in named if key is not None and text_of(key) in NAMES)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id.startswith("_"):
                yield from (text_of(word) for word in node.args[1:3] if text_of(node.args[0])[-1:] == ".")


def text_of(node: ast.AST) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def codes(kind: type[EnginelBaseException] = EnginelBaseException) -> Iterator[str]:
    yield kind.default_code
    for below in kind.__subclasses__():
        if below.__module__.startswith("designs."):
            yield from codes(below)


def test_all_words_that_the_code_states_are_known() -> None:
    found = {word for word in stated() if WORD.match(word)}

    assert len(found) > 40
    assert {word for word in found.union(codes()) if not is_word(word)} == set()


@pytest.mark.parametrize("name", ["reason", "stage", "step", "section", "signal", "failure", "mechanism"])
@pytest.mark.parametrize("word", ["bracket", "sigmarker", "SIGMARKER", "rotor_blade"])
def test_a_word_that_the_code_does_not_state_is_withheld_under_any_name(name: str, word: str) -> None:
    assert ids_only({name: word}) == {"withheld": 1}
    assert ids_only({"details": {name: word}}) == {"details": {"withheld": 1}}


def test_a_reason_of_data_is_no_part_of_a_message() -> None:
    def said(reason: str) -> str:
        text = f"rotor {len(reason)}"
        return own_words(CorruptedFile(text, details={"reason": reason}))

    assert said("truncated") == "This file is damaged. (truncated)"
    assert said("rotor") == "This file is damaged."
