"""A stack that was seen before gets the key it would get if it had not been."""

from __future__ import annotations

import itertools
import os
import random
from collections import UserDict
from collections.abc import Callable
from functools import partial
from types import CodeType

import pytest
from django.test import override_settings

from designs.monitoring.fingerprint import Fingerprint, fingerprint_exception, from_exception
from designs.monitoring.fingerprint.stack_cache import KnownStacks, shape_of

Raises = Callable[[], BaseException]


def low(way: int) -> None:
    if way == 1:
        raise ValueError("x")
    raise ValueError("y")


def middle(way: int) -> None:
    low(way)


def other(way: int) -> None:
    low(way)


def deep(way: int, depth: int) -> None:
    if depth:
        deep(way, depth - 1)
    else:
        low(way)


def throw(kind: type[Exception]) -> None:
    raise kind("x")


def call(function: Callable[[], object]) -> None:
    function()


def caused(way: int, suppressed: bool) -> None:
    try:
        low(way)
    except ValueError as error:
        if suppressed:
            raise ValueError("told") from None
        raise ValueError("told") from error


def meanwhile(kind: type[Exception]) -> None:
    try:
        throw(kind)
    except kind:
        middle(1)


def raised(function: Callable[..., object], *args: object) -> BaseException:
    try:
        function(*args)
    except Exception as error:
        return error
    raise AssertionError


KINDS: dict[str, Raises] = {
    "one line": lambda: raised(low, 1),
    "another line, the same frames": lambda: raised(low, 2),
    "one type": lambda: raised(throw, ValueError),
    "another type, the same frames": lambda: raised(throw, KeyError),
    "one frame more": lambda: raised(middle, 1),
    "another frame in its place": lambda: raised(other, 1),
    "deeper": lambda: raised(deep, 1, 3),
    "deeper still": lambda: raised(deep, 1, 4),
    "below it C": lambda: raised(call, {}.popitem),
    "below it a library": lambda: raised(call, partial(os.environ.__getitem__, "absent")),
    "below it another library": lambda: raised(call, partial(UserDict[str, str]().__getitem__, "absent")),
    "raised with a cause": lambda: raised(caused, 1, False),
    "raised with the cause on another line": lambda: raised(caused, 2, False),
    "raised without its cause": lambda: raised(caused, 1, True),
    "raised while another was handled": lambda: raised(meanwhile, ValueError),
    "raised while one of another type was handled": lambda: raised(meanwhile, KeyError),
    "given a cause": lambda: _with_cause(raised(low, 1), raised(middle, 1)),
    "given a cause that was never raised": lambda: _with_cause(raised(low, 1), ValueError("x")),
    "never raised": lambda: ValueError("x"),
    "never raised, given a cause": lambda: _with_cause(ValueError("x"), raised(low, 1)),
    "its own cause": lambda: _with_cause(error := raised(low, 1), error),
    "a group": lambda: ExceptionGroup("g", [raised(low, 1)]),
}


def _with_cause(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


def cold(make: Raises, monkeypatch: pytest.MonkeyPatch) -> Fingerprint:
    with monkeypatch.context() as patch:
        patch.setattr(from_exception, "_codes", from_exception._Codes())
        return fingerprint_exception(make())


@pytest.mark.parametrize("with_line", [True, False])
def test_whatever_was_seen_before_it_does_not_change_a_key(with_line: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    with override_settings(ENGINEL_FINGERPRINT_SOURCE_LINE=with_line):
        expected = {name: cold(make, monkeypatch) for name, make in KINDS.items()}
        monkeypatch.setattr(from_exception, "_codes", from_exception._Codes())
        for before, after in itertools.product(KINDS, KINDS):
            for name in (before, after, after):
                assert fingerprint_exception(KINDS[name]()) == expected[name], (before, after)


def test_a_storm_of_many_kinds_at_once_keeps_them_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = {name: cold(make, monkeypatch) for name, make in KINDS.items()}
    names = random.Random(4).choices(list(KINDS), k=500)

    assert [fingerprint_exception(KINDS[name]()) for name in names] == [expected[name] for name in names]


class TestKnownStacks:
    KEPT = Fingerprint("1:a", "1", ("a",), (), "site")

    @pytest.fixture
    def stacks(self) -> KnownStacks:
        return KnownStacks()

    def keep(self, stacks: KnownStacks, error: BaseException, gives_line: Callable[[CodeType], bool]) -> None:
        shape = shape_of(error)
        assert shape is not None
        stacks.keep(shape, "task", True, fingerprint=self.KEPT, gives_line=gives_line)

    def test_the_last_of_a_type_is_known_at_once(self, stacks: KnownStacks) -> None:
        self.keep(stacks, raised(middle, 1), lambda code: True)

        assert stacks.last(raised(middle, 1), "task", True) is self.KEPT
        assert stacks.last(raised(other, 1), "task", True) is None

    @pytest.mark.parametrize("under", [("task", False), ("other", True), ()])
    def test_under_other_settings_nothing_is_known(self, stacks: KnownStacks, under: tuple[object, ...]) -> None:
        error = raised(low, 1)
        self.keep(stacks, error, lambda code: True)

        shape = shape_of(error)
        assert shape is not None
        assert stacks.last(error, *under) is None
        assert stacks.find(shape, *under) is None

    def test_only_the_line_that_is_part_of_the_key_has_to_be_the_same(self, stacks: KnownStacks) -> None:
        ways = [raised(low, 1), raised(low, 2)]

        self.keep(stacks, ways[0], lambda code: code.co_name != "low")
        assert stacks.last(ways[1], "task", True) is self.KEPT
        self.keep(stacks, ways[0], lambda code: code.co_name == "low")
        assert stacks.last(ways[1], "task", True) is None

    def test_what_was_found_among_all_is_the_last_from_then_on(self, stacks: KnownStacks) -> None:
        first, second = raised(low, 1), raised(middle, 1)
        for error in (first, second):
            self.keep(stacks, error, lambda code: True)
        assert stacks.last(first, "task", True) is None

        shape = shape_of(first)
        assert shape is not None
        assert stacks.find(shape, "task", True) is self.KEPT
        assert stacks.last(first, "task", True) is self.KEPT

    def test_a_stack_too_long_to_be_kept_has_no_shape(self) -> None:
        assert shape_of(raised(deep, 1, 600)) is None
        assert shape_of(raised(deep, 1, 400)) is not None

    def test_of_too_many_all_go(self, stacks: KnownStacks, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("designs.monitoring.fingerprint.stack_cache._MAX_STACKS", 2)
        errors = [raised(low, 1), raised(middle, 1), raised(other, 1)]
        for error in errors:
            self.keep(stacks, error, lambda code: True)

        found = [stacks.find(shape, "task", True) for error in errors if (shape := shape_of(error))]
        assert found == [None, None, self.KEPT]
