"""A traceback's text is scrubbed and bounded, however many exceptions hang together and however long they talk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from designs.monitoring.errors.tracebacks import MAX_CHARS, format_traceback
from tests.support.secrets_table import IN_TEXT


class Hostile(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError("no attributes")


def chain(length: int) -> BaseException:
    link: BaseException = KeyError("root")
    for number in range(length - 1):
        outer = ValueError(f"link {number}")
        outer.__cause__ = link
        link = outer
    return link


@pytest.mark.parametrize(("text", "secret"), IN_TEXT)
def test_no_traceback_keeps_a_secret(text: str, secret: str) -> None:
    error = RuntimeError("outer")
    error.__cause__ = KeyError(text)
    error.add_note(text)

    assert secret not in format_traceback(error)


@pytest.mark.parametrize(("text", "secret"), IN_TEXT)
def test_no_traceback_of_a_long_chain_keeps_a_secret(text: str, secret: str) -> None:
    error = chain(100)
    error.args = (text,)
    group = ExceptionGroup("many", [ValueError(text) for _ in range(100)])
    group.__cause__ = error

    assert secret not in format_traceback(group)


@pytest.mark.parametrize("offset", range(0, 60, 7))
def test_no_half_of_a_secret_stays_where_a_traceback_is_cut(offset: int) -> None:
    text = "postgres://enginel:hunter2hunter2@db/x ".join(["y" * (11 + offset)] * 2000)

    assert "hunter" not in format_traceback(ValueError(text))


def test_a_long_traceback_keeps_its_start_and_most_of_its_end() -> None:
    text = format_traceback(ValueError("begin " + "x" * 10**6 + " end"))

    assert len(text) < MAX_CHARS + 100
    assert text.startswith("ValueError: begin")
    assert text.endswith(" end\n")


def test_a_message_known_to_be_long_is_not_asked_for_again() -> None:
    asked: list[int] = []

    class Talkative(Exception):
        def __str__(self) -> str:
            asked.append(1)
            return "x" * 10**6

    text = format_traceback(Talkative(), "x" * 2_100)

    assert asked == []
    assert text.endswith(f"{'x' * 2_100}\n")


def test_a_long_chain_shows_its_root_and_its_outermost_links() -> None:
    text = format_traceback(chain(10_000))

    assert text.startswith("KeyError: 'root'\n\n[9989 more exceptions led to the next]\n")
    assert text.endswith("ValueError: link 9998\n")
    assert text.count("ValueError") == 10


def test_a_chain_that_bites_its_tail_ends() -> None:
    first = chain(50)
    link = first
    while link.__cause__ is not None:
        link = link.__cause__
    link.__cause__ = first

    assert format_traceback(first).count("led to the next") == 10


def test_a_wide_group_shows_some_of_its_members() -> None:
    text = format_traceback(ExceptionGroup("many", [ValueError(str(number)) for number in range(10_000)]))

    assert "  | ValueError: 9\n  | [9990 more]\n" in text


def test_very_long_notes_are_left_out() -> None:
    error = ValueError("x")
    for _ in range(1_000):
        error.add_note("y" * 1_000)

    assert format_traceback(error) == "ValueError: x\n"


@pytest.mark.parametrize("make", [Hostile, lambda: ExceptionGroup("of hostile", [Hostile() for _ in range(100)])])
def test_hostile_exceptions_are_formatted_all_the_same(make: Callable[[], BaseException]) -> None:
    assert "Hostile" in format_traceback(make())
