"""What would take long to write out is told in short; everything else is left alone."""

from __future__ import annotations

from array import array
from collections import Counter, OrderedDict, defaultdict, deque
from types import MappingProxyType
from typing import Any

import pytest

from designs.monitoring.untrusted.preview import MAX_CHARS, MAX_ITEMS, outline_of
from designs.monitoring.untrusted.text import safe_repr, safe_str

MANY = MAX_ITEMS + 1


class Own(list[int]):
    def __repr__(self) -> str:
        return "my own"


class Told(Exception):
    def __str__(self) -> str:
        return "told"


@pytest.mark.parametrize(
    "value",
    [
        None,
        5,
        "x",
        "x" * 50_000_000,
        b"x",
        [1, [2, {3: {4}}]],
        list(range(MAX_ITEMS)),
        Own(range(MANY)),
        ValueError(),
        ValueError("x"),
        ValueError("x" * 50_000_000),
        ValueError("x", 5),
        Told(list(range(MANY))),
        ExceptionGroup("g", [ValueError()] * MANY),
        object(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_soon_written_has_no_outline(value: object) -> None:
    assert outline_of(value) is None


@pytest.mark.parametrize(
    ("value", "begins"),
    [
        (list(range(MANY)), f"<list of {MANY}: 0, 1, 2, "),
        (tuple(range(MANY)), f"<tuple of {MANY}: 0, 1, 2, "),
        (set(range(MANY)), f"<set of {MANY}: 0, 1, 2, "),
        (deque(range(MANY)), f"<deque of {MANY}: 0, 1, 2, "),
        (dict.fromkeys(range(MANY)), f"<dict of {MANY}: 0: None, 1: None, "),
        (dict.fromkeys(range(MANY)).keys(), f"<dict_keys of {MANY}: 0, 1, 2, "),
        (OrderedDict.fromkeys(range(MANY)), f"<OrderedDict of {MANY}: 0: None, "),
        (Counter(range(MANY)), f"<Counter of {MANY}: 0: 1, "),
        (defaultdict(int, dict.fromkeys(range(MANY))), f"<defaultdict of {MANY}: 0: None, "),
        (MappingProxyType(dict.fromkeys(range(MANY))), f"<mappingproxy of {MANY}: 0: None, "),
        (b"x" * (MAX_CHARS + 1), f"<bytes of {MAX_CHARS + 1}: b'xxx"),
        (array("b", b"x" * (MAX_CHARS + 1)), f"<array of {MAX_CHARS + 1}: array('b', [120, "),
        (["x" * MAX_CHARS, "y"], f"<list of 2: <str of {MAX_CHARS}: {'x' * 100!r}>, 'y'>"),
        (ValueError(list(range(MANY))), f"<list of {MANY}: 0, 1, "),
        (ValueError("x", list(range(MANY))), f"<tuple of 2: 'x', <list of {MANY}>>"),
        (OSError(list(range(MANY))), f"<list of {MANY}: 0, 1, "),
        (KeyError(b"x" * (MAX_CHARS + 1)), f"<bytes of {MAX_CHARS + 1}: b'xxx"),
        ([ValueError(list(range(MANY)))], "<list of 1: <ValueError>>"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_large_value_tells_its_size_and_its_first(value: object, begins: str) -> None:
    outline = outline_of(value)

    assert outline is not None
    assert outline.startswith(begins)
    assert safe_repr(value, 20) == f"{outline[:20]}... [{len(outline)} characters]"


def test_a_long_text_is_long_as_a_literal_only() -> None:
    text = "x" * (MAX_CHARS + 1)

    assert safe_str(text, 3) == f"xxx... [{MAX_CHARS + 1} characters]"
    assert outline_of(text, is_repr=True) == f"<str of {MAX_CHARS + 1}: {'x' * 100!r}>"


def test_what_contains_itself_ends() -> None:
    ring: list[Any] = [1]
    ring.append(ring)
    tree: Any = 1
    for _ in range(50):
        tree = [tree] * 10

    for value in (ring, tree, ValueError(tree)):
        outline = outline_of(value)
        assert outline is not None
        assert len(outline) < 100_000
