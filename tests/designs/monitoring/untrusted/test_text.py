"""Text of hostile objects: bounded, clean, and never an exception."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from designs.monitoring.untrusted.text import clean_text, safe_repr, safe_str, type_name


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError("no str")

    def __repr__(self) -> str:
        raise RuntimeError("no repr")


class NotText:
    def __str__(self) -> str:
        return 5  # type: ignore[return-value]

    __repr__ = __str__


class Text(str):
    __slots__ = ()

    def __getitem__(self, key: object) -> str:
        raise RuntimeError("no slice")

    def __len__(self) -> int:
        raise RuntimeError("no length")


class Endless:
    def __str__(self) -> str:
        return str(self)

    __repr__ = __str__


@pytest.mark.parametrize("value", [Hostile(), NotText(), Endless()], ids=["hostile", "not text", "endless"])
def test_an_object_whose_own_code_fails_gets_a_note(value: object) -> None:
    for convert in (safe_str, safe_repr):
        text = convert(value)
        assert type_name(value) in text
        assert "raised" in text


def test_a_subclass_of_str_cannot_interfere() -> None:
    assert clean_text(Text("abc"), 2) == "ab... [3 characters]"


def test_a_number_too_long_to_print_gets_a_note() -> None:
    assert "raised ValueError" in safe_repr(10**5000)


def test_text_is_cut_and_says_how_long_it_was() -> None:
    assert clean_text("x" * 100, 10) == "x" * 10 + "... [100 characters]"
    assert clean_text("x" * 10, 10) == "x" * 10


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("a\0b", "ab"),
        ("a\x1b[31mb", "a[31mb"),
        ("a\u202eb", "ab"),
        ("a\ud800b", "a?b"),
        ("tab\tand\nnewline", "tab\tand\nnewline"),
        ("Größe 5 µm 漢字 🙂", "Größe 5 µm 漢字 🙂"),
    ],
)
def test_invisible_characters_go_and_all_others_stay(text: str, cleaned: str) -> None:
    assert clean_text(text) == cleaned


@given(st.text(alphabet=st.characters(exclude_categories=())), st.integers(0, 50))
def test_every_text_becomes_encodable_and_bounded(text: str, limit: int) -> None:
    cleaned = clean_text(text, limit)

    cleaned.encode("utf-8")
    assert len(cleaned) <= limit + 40


def test_type_names_are_qualified_except_builtins() -> None:
    assert type_name(ValueError()) == "ValueError"
    assert type_name(Hostile()) == f"{__name__}.Hostile"
