"""A mark on an exception tells the next hook that it has been recorded."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest

from designs.monitoring.errors.recorded_marker import mark_of, set_mark


class Stubborn(Exception):
    """Forbids every attribute."""

    def __setattr__(self, name: str, value: Any) -> None:
        raise RuntimeError("no")

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("no")


class Facts(dict[str, Any]):
    def get(self, *args: Any) -> Any:
        raise RuntimeError("no")

    __setitem__ = get


class Odd(Exception):
    """Keeps its attributes in a dictionary that has code of its own, and nowhere else."""

    __slots__ = ()

    def __init__(self) -> None:
        self.__dict__ = Facts()

    def __getattribute__(self, name: str) -> Any:
        if name == "__enginel__":
            raise RuntimeError("no")
        return super().__getattribute__(name)


def marked(error: BaseException) -> BaseException:
    set_mark(error, event_id="e1", fingerprint="1:abc", occurrences=3, request_id="r1")
    return error


@pytest.mark.parametrize(
    "make", [ValueError, Stubborn, Odd, KeyboardInterrupt, lambda: ExceptionGroup("g", [OSError()])]
)
def test_a_mark_is_found_again(make: Callable[[], BaseException]) -> None:
    error = make()

    assert mark_of(error) is None
    assert mark_of(marked(error)) == {
        "event_id": "e1",
        "fingerprint": "1:abc",
        "occurrences": 3,
        "request_id": "r1",
    }


@pytest.mark.parametrize("error", [None, "text", 5, object(), {"__enginel__": {}}])
def test_what_is_no_exception_has_no_mark(error: object) -> None:
    assert mark_of(error) is None


def test_a_mark_survives_pickling() -> None:
    assert mark_of(pickle.loads(pickle.dumps(marked(ValueError("x"))))) is not None


def test_raising_from_a_marked_exception_shares_its_mark() -> None:
    outer = RuntimeError("told again")
    outer.__cause__ = marked(ValueError("x"))

    mark = mark_of(outer)

    assert mark is not None
    assert mark["event_id"] == "e1"


def test_raising_while_a_marked_exception_is_handled_is_a_failure_of_its_own() -> None:
    other = RuntimeError("another")
    other.__context__ = marked(ValueError("x"))

    assert mark_of(other) is None


def test_raising_from_none_in_place_of_a_marked_exception_shares_its_mark() -> None:
    other = RuntimeError("told again")
    other.__context__ = marked(ValueError("x"))
    other.__cause__ = None

    mark = mark_of(other)

    assert mark is not None
    assert mark["event_id"] == "e1"


def test_raising_from_none_deeper_in_the_handling_of_a_marked_exception_is_a_failure_of_its_own() -> None:
    missing = KeyError("x")
    missing.__context__ = marked(ValueError("x"))
    other = RuntimeError("another")
    other.__context__ = missing
    other.__cause__ = None

    assert mark_of(other) is None


def test_a_cycle_of_causes_ends() -> None:
    first, second = ValueError(), ValueError()
    first.__cause__, second.__cause__ = second, first

    assert mark_of(first) is None


def test_a_forged_mark_is_none() -> None:
    error = ValueError()
    error.__dict__["__enginel__"] = "forged"

    assert mark_of(error) is None


@pytest.mark.parametrize(("request_id", "found"), [("r1", True), ("", True), ("r2", False)])
def test_a_mark_does_not_hold_for_another_request(request_id: str, found: bool) -> None:
    assert (mark_of(marked(ValueError()), request_id) is not None) is found
