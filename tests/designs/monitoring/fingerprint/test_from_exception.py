"""Failures with one cause share a key, others do not, and the key says why."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any

import pytest
from django.test import override_settings

from designs.exceptions import GeometryProcessingError
from designs.monitoring.fingerprint import Fingerprint, fingerprint_exception, fingerprint_message


def caught(act: Callable[[], Any]) -> BaseException:
    with pytest.raises(BaseException) as info:  # noqa: PT011 - whatever it raises
        act()
    return info.value


def print_of(act: Callable[[], Any], task: str = "") -> Fingerprint:
    return fingerprint_exception(caught(act), task)


def fail(message: str = "x") -> None:
    raise ValueError(message)


def fail_otherwise() -> None:
    raise ValueError("x")


def fail_in_two_places(first: bool) -> None:
    if first:
        raise ValueError("x")
    raise ValueError("y")


def by_one_path() -> None:
    fail()


def by_another_path() -> None:
    fail()


def recurse(depth: int) -> None:
    if depth == 0:
        raise ValueError("bottom")
    recurse(depth - 1)


def library_failure(message: str = "x") -> None:
    int(message)


def from_a_cause(message: str) -> None:
    try:
        fail(message)
    except ValueError as error:
        raise GeometryProcessingError(message) from error


def while_handling() -> None:
    try:
        fail()
    except ValueError:
        raise GeometryProcessingError("y")  # noqa: B904


def from_none() -> None:
    try:
        fail()
    except ValueError:
        raise GeometryProcessingError("y") from None


def test_a_key_names_its_version_and_128_bits() -> None:
    made = print_of(fail)

    assert re.fullmatch(r"1:[0-9a-f]{32}", made.key)
    assert made.version == "1"
    assert [re.fullmatch(r"1:[0-9a-f]{32}", alias) is not None for alias in made.aliases] == [True]


def test_the_message_does_not_matter_where_there_is_a_stack() -> None:
    assert print_of(lambda: fail("row 1")).key == print_of(lambda: fail("quite another")).key


def test_the_parts_say_why() -> None:
    parts = print_of(by_one_path).parts

    assert parts[0] == "type ValueError"
    assert f"frame {__name__}.by_one_path" in parts
    assert parts[-2:] == (f"frame {__name__}.fail", "line raise ValueError(message)")
    assert not any("/" in part for part in parts)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (fail, fail_otherwise),
        (by_one_path, by_another_path),
        (lambda: fail_in_two_places(True), lambda: fail_in_two_places(False)),
        (fail, lambda: from_a_cause("x")),
        (while_handling, from_none),
    ],
    ids=["other function", "other path", "other line", "with a cause", "suppressed context"],
)
def test_different_failures_have_different_keys(first: Callable[[], Any], second: Callable[[], Any]) -> None:
    assert print_of(first).key != print_of(second).key


def test_two_paths_to_one_raise_share_their_site() -> None:
    assert print_of(by_one_path).site == print_of(by_another_path).site == f"ValueError in {__name__}.fail"


@pytest.mark.parametrize("depths", [(2, 3), (2, 200), (5, 900)])
def test_the_depth_of_a_recursion_does_not_matter(depths: tuple[int, int]) -> None:
    sys_limit = sys.getrecursionlimit()
    assert max(depths) < sys_limit
    first, second = depths

    assert print_of(lambda: recurse(first)).key == print_of(lambda: recurse(second)).key


def test_the_whole_chain_counts_and_its_messages_do_not() -> None:
    made = print_of(lambda: from_a_cause("x"))

    assert [part for part in made.parts if part.startswith("type ")] == [
        "type designs.exceptions.GeometryProcessingError",
        "type ValueError",
    ]
    assert made.key == print_of(lambda: from_a_cause("y")).key


def test_a_cycle_of_causes_ends() -> None:
    first, second = ValueError(), KeyError()
    first.__cause__, second.__cause__ = second, first

    assert fingerprint_exception(first).parts[:2] == ("type ValueError", "type KeyError")


def test_the_cleaned_message_counts_where_there_is_no_stack() -> None:
    assert fingerprint_exception(ValueError("row 1")).key == fingerprint_exception(ValueError("row 2")).key
    assert fingerprint_exception(ValueError("row 1")).key != fingerprint_exception(ValueError("column 1")).key
    assert fingerprint_exception(ValueError("row 1")).parts == ("type ValueError", "message row <number>")


def test_messages_group_by_their_cleaned_text_and_logger() -> None:
    assert fingerprint_message("row 1 bad").key == fingerprint_message("row 2 bad").key
    assert fingerprint_message("row 1 bad").key != fingerprint_message("row 1 bad", "other").key
    assert fingerprint_message("a") != fingerprint_exception(ValueError("a"))


def test_frames_that_hide_themselves_do_not_count() -> None:
    def hidden() -> None:
        __traceback_hide__ = True
        fail()

    assert not any("hidden" in part for part in print_of(hidden).parts)


@override_settings(ENGINEL_IN_APP_ROOTS=("/nowhere",))
def test_without_frames_of_ours_the_innermost_foreign_ones_count() -> None:
    made = print_of(lambda: recurse(3))

    assert f"frame {__name__}.recurse" in made.parts
    assert not any(part.startswith("line ") for part in made.parts)


def test_the_source_line_can_be_left_out() -> None:
    with override_settings(ENGINEL_FINGERPRINT_SOURCE_LINE=False):
        first, second = print_of(lambda: fail_in_two_places(True)), print_of(lambda: fail_in_two_places(False))

    assert not any(part.startswith("line ") for part in first.parts)
    # The lambdas stand on one line each and differ by nothing else.
    assert first.parts == second.parts


class SoftTimeLimitExceeded(Exception):
    """Ends wherever the signal strikes."""


def test_time_limits_group_by_their_task() -> None:
    def here() -> None:
        raise SoftTimeLimitExceeded

    def there() -> None:
        raise SoftTimeLimitExceeded

    assert print_of(here, "designs.scan").key == print_of(there, "designs.scan").key
    assert print_of(here, "designs.scan").key != print_of(here, "designs.bom").key


class WithOverride(Exception):
    def __init__(self, wanted: Any) -> None:
        super().__init__("x")
        self.error_fingerprint = wanted


@pytest.mark.parametrize(
    ("wanted", "parts"),
    [
        (["quota", "row 5"], ("custom", "quota", "row 5")),
        ("quota", ("custom", "quota")),
        (lambda: ["called"], ("custom", "called")),
        ((5, None), ("custom", "5", "None")),
    ],
)
def test_an_exception_may_name_its_group(wanted: Any, parts: tuple[str, ...]) -> None:
    assert fingerprint_exception(WithOverride(wanted)).parts == parts


def test_an_override_may_refine_the_default() -> None:
    made = fingerprint_exception(WithOverride(["{{ default }}", "tenant a"]))

    assert made.parts == (f"type {__name__}.WithOverride", "message x", "custom tenant a")


@pytest.mark.parametrize("wanted", [None, [], "", lambda: 1 / 0, 5, object()])
def test_an_unusable_override_is_ignored(wanted: Any) -> None:
    assert fingerprint_exception(WithOverride(wanted)).parts == (f"type {__name__}.WithOverride", "message x")


def test_joined_parts_cannot_be_mistaken_for_others() -> None:
    first = fingerprint_exception(WithOverride(["a", "b"]))
    second = fingerprint_exception(WithOverride(["a b"]))

    assert first.key != second.key


class Named(ValueError):
    error_fingerprint: str | None = None


def fail_with(error: BaseException) -> None:
    raise error


def test_a_stack_seen_before_has_the_same_fingerprint() -> None:
    first, second = (print_of(lambda: fail_with(ValueError(str(object())))) for _ in range(2))

    assert second is first


def test_what_tells_failures_apart_is_no_stack_seen_before() -> None:
    prints = [
        print_of(lambda: fail_with(ValueError("x"))),
        print_of(lambda: fail_with(TypeError("x"))),
        print_of(lambda: fail_with(ValueError("x")), "designs.scan"),
    ]
    chained = ValueError("x")
    chained.__cause__ = KeyError("y")
    prints.append(print_of(lambda: fail_with(chained)))

    assert len({p.key for p in prints[:2]}) == 2
    assert prints[3].key != prints[0].key
    assert prints[2].key == prints[0].key


def test_an_exception_of_a_stack_seen_before_still_names_its_group() -> None:
    def act(name: str | None) -> Fingerprint:
        error = Named("x")
        error.error_fingerprint = name
        return print_of(lambda: fail_with(error))

    plain, named, again = act(None), act("mine"), act(None)

    assert named.parts[0] == "custom"
    assert again == plain != named


def test_the_hook_is_asked_about_a_stack_seen_before() -> None:
    plain = print_of(lambda: fail_with(ValueError("x")))
    with override_settings(ENGINEL_FINGERPRINT_HOOK=lambda record: ["hooked"]):
        hooked = print_of(lambda: fail_with(ValueError("x")))

    assert hooked.parts == ("custom", "hooked")
    assert plain.key != hooked.key


def test_settings_of_the_key_hold_for_a_stack_seen_before() -> None:
    def act() -> Fingerprint:
        return print_of(lambda: fail_with(ValueError("x")))

    with_line = act()
    with override_settings(ENGINEL_FINGERPRINT_SOURCE_LINE=False):
        without = act()
    with override_settings(ENGINEL_IN_APP_ROOTS=("/nowhere",)):
        elsewhere = act()

    assert len({with_line.key, without.key, elsewhere.key}) == 3
    assert act() == with_line
