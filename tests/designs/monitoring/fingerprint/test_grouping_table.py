"""The table of programs that fail: a person's labels hold, and every Python and Django makes the same keys."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import django
import pytest

from tests.designs.monitoring.grouping_table.judging import differing_events, split_bugs, wrong_merges
from tests.designs.monitoring.grouping_table.model import Case
from tests.designs.monitoring.grouping_table.table import CASES

ROOT = Path(__file__).resolve().parents[4]
COMMAND = [sys.executable, "-m", "tests.designs.monitoring.grouping_table"]
GOLDEN = ROOT / "tests" / "golden" / "grouping-table.json"
ADVICE = (
    "This Python makes other keys than the golden file. If no other Python does, the key depends on the Python: mend "
    "that. If a rule was changed on purpose: python -m tests.designs.monitoring.grouping_table > "
    "tests/golden/grouping-table.json"
)


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    """All keys, made in one process of its own: the programs change paths, modules and limits."""
    done = subprocess.run([*COMMAND, "--parts"], cwd=ROOT, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr[-4_000:]
    made: dict[str, Any] = json.loads(done.stdout)
    return made


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_one_bug_has_one_key(case: Case, found: dict[str, Any]) -> None:
    assert not split_bugs(case, found), "\n".join(split_bugs(case, found))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_event_of_a_failure_has_its_key(case: Case, found: dict[str, Any]) -> None:
    differing = differing_events(case, found)

    if case.event_differs:
        assert differing, f"{case.name}: the event has the key, so the reason why it cannot is out of date"
    else:
        assert not differing, "\n".join(differing)


def test_two_bugs_have_two_keys(found: dict[str, Any]) -> None:
    assert not wrong_merges(CASES, found), "\n".join(wrong_merges(CASES, found))


def test_every_python_and_django_makes_the_keys_of_the_golden_file(found: dict[str, Any]) -> None:
    golden = json.loads(GOLDEN.read_text())
    keys = {name: {program: key_of(made) for program, made in made.items()} for name, made in found.items()}

    assert keys.keys() == golden.keys(), ADVICE
    moved = [
        f"{name}: {[*dict(keys[name].items() - golden[name].items())]}" for name in keys if keys[name] != golden[name]
    ]
    assert not moved, "\n".join([ADVICE, *moved])


def key_of(made: dict[str, Any]) -> str:
    return " ".join(dict.fromkeys(kind["key"] for kind in made.values()))


def test_python_3_12_and_newer_run_it_on_django_6_and_others_on_django_5() -> None:
    assert django.VERSION[0] == (6 if sys.version_info >= (3, 12) else 5)


def test_the_table_is_large_enough() -> None:
    names = [case.name for case in CASES]

    assert len(names) == len(set(names)) >= 200
    assert sum(len(case.programs) for case in CASES) >= 800
