"""Reasons of failures that files cause, and what clients see of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from designs.cad.reasons import HINTS, REASONS, shown_facts
from designs.exceptions import STAGES

CAD = Path(__file__).resolve().parents[3] / "designs" / "cad"
# What carries a reason: the key of details, and of the answer of the kernel's child.
_KEYS = ("reason", "failure")


def _texts(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)


def _helpers(tree: ast.AST) -> dict[str, int]:
    """Return the functions that put a parameter into the details as the reason, and the place of it."""
    found = {}
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            names = [argument.arg for argument in function.args.args]
            carried = {value.id for value in _carried(function) if isinstance(value, ast.Name)}
            for name in carried.intersection(names):
                found[function.name] = names.index(name)
    return found


def _carried(tree: ast.AST, names: tuple[str, ...] = _KEYS) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value in names:
                    yield value


def _raised(tree: ast.AST, imported: dict[str, int]) -> set[str]:
    found = {text for value in _carried(tree) for text in _texts(value)}
    # A private function of the same name in another module may be another one.
    places = imported | _helpers(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name in places and len(node.args) > places[name]:
                found |= set(_texts(node.args[places[name]]))
            found |= {text for word in node.keywords if word.arg == "reason" for text in _texts(word.value)}
    return found


def test_every_reason_that_the_workload_states_has_a_hint() -> None:
    trees = [ast.parse(path.read_text()) for path in CAD.rglob("*.py")]
    public = {name: place for tree in trees for name, place in _helpers(tree).items() if not name.startswith("_")}
    raised = {reason for tree in trees for reason in _raised(tree, public)} - {""}

    assert len(raised) > 50
    assert raised - REASONS - {"os_error"} == set()


def test_every_stage_that_the_workload_states_is_known() -> None:
    stated = {
        value.value
        for path in CAD.rglob("*.py")
        for value in _carried(ast.parse(path.read_text()), ("stage",))
        if isinstance(value, ast.Constant)
    }

    assert {"scan", "units", "bom", "read"} <= stated
    assert stated - STAGES == set()


def test_hints_are_sentences_and_their_stages_are_known() -> None:
    assert {name.partition("/")[0] for name in HINTS if "/" in name} <= STAGES
    assert [hint for hint in HINTS.values() if not (hint[0].isupper() and hint.endswith("."))] == []


@pytest.mark.parametrize(
    ("details", "shown"),
    [
        (
            {"stage": "scan", "reason": "syntax", "line": 120, "entity": "#12", "section": "DATA", "position": 7},
            {"stage": "scan", "reason": "syntax", "line": 120, "entity": "#12", "section": "DATA"},
        ),
        ({"stage": "scan", "reason": "no_section", "section": "G"}, {"section": "global"}),
        ({"stage": "scan", "reason": "depth", "limit": 2_000}, {"limit": 2_000}),
    ],
)
def test_place_and_reason_are_shown(details: dict[str, Any], shown: dict[str, Any]) -> None:
    facts = shown_facts(details)

    assert {name: facts[name] for name in shown} == shown
    assert set(facts) - set(details) == {"hint"}


@pytest.mark.parametrize(
    "details",
    [
        None,
        {},
        {"reason": "syntax"},
        {"stage": "scan"},
        {"stage": "scan", "reason": "bracket-of-pump-7"},
        {"stage": "bracket", "reason": "syntax"},
        {"stage": ["scan"], "reason": "syntax"},
    ],
)
def test_nothing_is_shown_of_what_no_file_caused(details: object) -> None:
    assert shown_facts(details) == {}


@pytest.mark.parametrize(
    "place",
    [
        {"line": "120"},
        {"line": -1},
        {"line": True},
        {"line": 10**40},
        {"entity": "#12 <script>"},
        {"entity": "#" + "1" * 99},
        {"entity": "#12\n"},
        {"entity": 12},
        {"section": "<b>"},
        {"section": "ISO-10303-21"},
        {"limit": "soft"},
        {"limit": float("nan")},
    ],
)
def test_a_place_that_may_be_text_of_the_file_is_left_out(place: dict[str, Any]) -> None:
    assert set(shown_facts({"stage": "scan", "reason": "syntax", **place})) == {"stage", "reason", "hint"}


def test_a_hint_says_where_and_what_to_do() -> None:
    hint = shown_facts({"stage": "scan", "reason": "syntax", "line": 120, "entity": "#12", "section": "DATA"})["hint"]

    assert hint.startswith("Line 120, entity #12, section DATA: The file is damaged. Export it again")
    assert shown_facts({"stage": "units", "reason": "missing"})["hint"].startswith("Set the unit of length")
    assert shown_facts({"stage": "bom", "reason": "missing"})["hint"].startswith("The assembly is damaged.")
