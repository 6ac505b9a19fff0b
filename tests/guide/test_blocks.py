"""The blocks of the guide stay as its users know them, and each of them is tested."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from tests.guide.blocks import NAMES, block, languages
from tests.guide.shapes import differences

# Of all blocks with their languages. Users have copied them; a change of one is a change of a contract.
VERBATIM = "1bbdf62f9177681a0dc3f45e9c77a79d43b9661937696f4db021854d3dc3dc2e"
HERE = Path(__file__).resolve().parent


def test_the_blocks_are_the_documented_ones() -> None:
    text = "\0".join(f"{language}\n{block(name)}" for name, language in languages().items())

    assert hashlib.sha256(text.encode()).hexdigest() == VERBATIM


@pytest.mark.parametrize("name", NAMES)
def test_every_block_is_used_by_a_test(name: str) -> None:
    sources = "".join(
        path.read_text() for path in HERE.glob("*.py") if path.name not in {"blocks.py", Path(__file__).name}
    )

    assert re.search(rf'"{name}"', sources)


@pytest.mark.parametrize(
    ("shown", "real"),
    [
        ({"a": 1}, {"a": 2, "b": "more"}),
        ({"a": 1.5}, {"a": 2}),
        ({"a": {}}, {"a": {"any": "thing"}}),
        ({"at": "2025-12-16T10:30:00Z"}, {"at": "2026-01-01T00:00:00.123456Z"}),
        (["x"], ["y", "z"]),
    ],
)
def test_an_answer_with_the_keys_and_types_is_of_the_shape(shown: object, real: object) -> None:
    assert differences(shown, real) == []


@pytest.mark.parametrize(
    ("shown", "real"),
    [
        ({"a": 1}, {}),
        ({"a": 1}, {"a": "1"}),
        ({"a": 1}, {"a": 1.5}),
        ({"a": 1}, {"a": True}),
        ({"a": "x"}, {"a": None}),
        ({"at": "2025-12-16T10:30:00Z"}, {"at": "2026-01-01T00:00:00+00:00"}),
        (["x"], []),
        ([{"a": 1}], [{"a": 1}, {}]),
    ],
)
def test_another_key_or_type_is_a_difference(shown: object, real: object) -> None:
    assert len(differences(shown, real)) == 1
