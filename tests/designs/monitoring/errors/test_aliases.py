"""The alias of a failure: the same whatever code is the application's, another for every other bug."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from celery.exceptions import MaxRetriesExceededError
from django.db import IntegrityError, ProgrammingError
from django.http import Http404
from django.template import TemplateDoesNotExist
from django.test import override_settings
from sentry_sdk.utils import event_from_exception

from designs.monitoring.fingerprint import Fingerprint, fingerprint_event, fingerprint_exception, fingerprint_message
from designs.monitoring.withheld import without_words

TESTS = __file__.rpartition("/")[0]
ROOTS = {"all": (TESTS.partition("/tests/")[0],), "none": ("/nowhere",)}


class Part:
    def read(self, kind: type[BaseException] = ValueError, text: str = "broken") -> None:
        raise kind(text)


class Assembly:
    def read(self) -> None:
        raise ValueError("broken")


def caught(act: Callable[[], Any]) -> BaseException:
    with pytest.raises(BaseException) as info:  # noqa: PT011 - whatever it raises
        act()
    return info.value


def print_of(act: Callable[[], Any], roots: str = "all") -> Fingerprint:
    with override_settings(ENGINEL_IN_APP_ROOTS=ROOTS[roots]):
        return fingerprint_exception(caught(act))


def plain() -> None:
    Part().read()


def by_a_library(first: bool = True) -> None:
    if first:
        json.loads("{")
    json.loads('{"')


def with_cause() -> None:
    try:
        plain()
    except ValueError as error:
        raise KeyError("y") from error


def group_of(*acts: Callable[[], Any]) -> Callable[[], None]:
    def fail() -> None:
        raise ExceptionGroup("all", [caught(act) for act in acts])  # type: ignore[list-item]

    return fail


def recursion() -> None:
    def again(number: int) -> int:
        return again(number + 1)

    again(0)


def retries_used_up() -> None:
    try:
        plain()
    except ValueError as error:
        raise MaxRetriesExceededError("no more") from error


def refused(constraint: str) -> Callable[[], None]:
    return lambda: Part().read(IntegrityError, f'violates unique constraint "{constraint}"')


def without_table(name: str) -> Callable[[], None]:
    return lambda: Part().read(ProgrammingError, f'relation "{name}" does not exist')


def two_in_one_function(first: bool) -> None:
    if first:
        raise ValueError(
            "one",
        )
    raise ValueError(
        "two",
    )


JOINABLE = {
    "plain": plain,
    "a library's": by_a_library,
    "chain": with_cause,
    "group": group_of(plain, by_a_library),
    "group of one": group_of(plain, plain),
    "recursion": recursion,
    "retries used up": retries_used_up,
    "integrity": refused("part_key"),
    "table": without_table("auth_user"),
}


@pytest.mark.parametrize("act", JOINABLE.values(), ids=JOINABLE)
def test_it_is_the_same_whatever_code_is_the_applications(act: Callable[[], Any]) -> None:
    ours, theirs = print_of(act), print_of(act, "none")

    assert ours.key != theirs.key
    assert ours.aliases == theirs.aliases
    assert len(ours.aliases) == 1


@pytest.mark.parametrize("act", JOINABLE.values(), ids=JOINABLE)
def test_two_events_that_differ_only_in_what_is_in_app_share_it(act: Callable[[], Any]) -> None:
    exc = caught(act)
    event = event_from_exception(exc)[0]
    turned = copy.deepcopy(event)
    for value in event["exception"]["values"]:
        for frame in (value.get("stacktrace") or {}).get("frames", ()):
            frame["in_app"] = True
    for value in turned["exception"]["values"]:
        for number, frame in enumerate((value.get("stacktrace") or {}).get("frames", ())):
            frame["in_app"] = number == 0
    first, second = fingerprint_event(event), fingerprint_event(turned)

    assert first.key != second.key
    assert first.aliases == second.aliases == fingerprint_exception(exc).aliases


BUGS = {
    "two calls of one library": (by_a_library, lambda: by_a_library(False)),
    "two statements of several lines": (lambda: two_in_one_function(True), lambda: two_in_one_function(False)),
    "one method of two classes": (lambda: Part().read(), lambda: Assembly().read()),
    "two constraints": (refused("part_key"), refused("assembly_key")),
    "two tables": (without_table("auth_user"), without_table("django_q_ormq")),
    "two types": (lambda: Part().read(KeyError), lambda: Part().read(OSError)),
    "a member more": (group_of(plain), group_of(plain, with_cause)),
    "two members": (group_of(plain, with_cause), group_of(plain, recursion)),
    "two constraints in a group": (group_of(plain, refused("a_key")), group_of(plain, refused("b_key"))),
}


@pytest.mark.parametrize("roots", ROOTS)
@pytest.mark.parametrize(("one", "other"), BUGS.values(), ids=BUGS)
def test_two_bugs_never_share_one(one: Callable[[], Any], other: Callable[[], Any], roots: str) -> None:
    assert set(print_of(one, roots).aliases).isdisjoint(print_of(other, roots).aliases)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"filename": "a/index.js", "function": "draw"}, {"filename": "b/index.js", "function": "draw"}),
        ({"filename": "index.js", "lineno": 5}, {"filename": "index.js", "lineno": 9}),
        ({"module": "a", "function": "f"}, {"module": "b", "function": "f"}),
        (
            {"module": "a", "function": "f", "context_line": "b()"},
            {"module": "a", "function": "f", "context_line": "c()"},
        ),
    ],
    ids=["files of one name", "lines without a function", "modules", "source lines"],
)
def test_events_of_two_places_have_two(one: dict[str, Any], other: dict[str, Any]) -> None:
    made = [
        fingerprint_event({"exception": {"values": [{"type": "TypeError", "stacktrace": {"frames": [frame]}}]}})
        for frame in (one, other)
    ]

    assert made[0].aliases
    assert set(made[0].aliases).isdisjoint(made[1].aliases)


def raised_from_nothing() -> BaseException:
    return ValueError("row 5 has no name")


@pytest.mark.parametrize(
    "made",
    [
        lambda: fingerprint_message("the disk is full"),
        lambda: fingerprint_exception(raised_from_nothing()),
        lambda: print_of(lambda: Part().read(Http404)),
        lambda: fingerprint_event({"exception": {"values": [{"type": "ValueError", "value": "a"}]}}),
    ],
    ids=["a message", "no stack", "a client error", "an event without a stack"],
)
def test_what_the_stack_does_not_identify_has_none(made: Callable[[], Fingerprint]) -> None:
    assert made().aliases == ()


def test_an_own_fingerprint_has_none() -> None:
    class Quota(Exception):
        error_fingerprint = ["quota", "{{ default }}"]

    assert print_of(lambda: Part().read(Quota)).aliases == ()


def test_a_withheld_failure_whose_key_has_no_words_has_none() -> None:
    open_one = print_of(lambda: Part().read(TemplateDoesNotExist, "secret.html"))

    assert open_one.aliases
    assert without_words(open_one, TemplateDoesNotExist("secret.html")).aliases == ()


def unlike(first: bool, given: dict[str, int]) -> None:
    if first:
        sorted(
            a=1,
            b=2,
            c=3,
            d=4,
            e=5,
            price=given["price"],
            f=6,
            g=7,
            h=8,
            i=9,
            j=10,
        )
    else:
        list(
            a=1,
            b=2,
            c=3,
            d=4,
            e=5,
            price=given["price"],
            f=6,
            g=7,
            h=8,
            i=9,
            j=10,
        )


def test_two_long_statements_that_are_alike_around_the_failing_line_have_two() -> None:
    errors = [caught(partial(unlike, first, {})) for first in (True, False)]
    live = [fingerprint_exception(error) for error in errors]
    read = [fingerprint_event(event_from_exception(error)[0]) for error in errors]

    assert live[0].key != live[1].key
    assert live[0].aliases != live[1].aliases
    assert [one.aliases for one in read] == [one.aliases for one in live]


def descend(then: Callable[[], None], steps: int = 6) -> None:
    return descend(then, steps - 1) if steps else then()


def of_a_list() -> None:
    descend(of_a_list)


def of_a_dict() -> None:
    descend(of_a_dict)


def test_two_recursions_through_one_helper_are_two() -> None:
    """The helper is on the stack more often than what differs."""
    live = [fingerprint_exception(caught(partial(descend, then))) for then in (of_a_list, of_a_dict)]

    assert live[0].key != live[1].key
    assert live[0].aliases != live[1].aliases


def test_two_lines_of_a_short_file_have_two(tmp_path: Path) -> None:
    """All its lines are around each of them."""
    file = tmp_path / "short.py"
    file.write_text("def act(first):\n    if first:\n        raise ValueError('one')\n    raise ValueError('two')\n")
    space: dict[str, Any] = {"__name__": "short"}
    exec(compile(file.read_text(), file, "exec"), space)
    errors = [caught(partial(space["act"], first)) for first in (True, False)]
    with override_settings(ENGINEL_IN_APP_ROOTS=(str(tmp_path),)):
        live = [fingerprint_exception(error) for error in errors]
        read = [fingerprint_event(event_from_exception(error)[0]) for error in errors]

    assert live[0].key != live[1].key
    assert live[0].aliases != live[1].aliases
    assert [one.aliases for one in read] == [one.aliases for one in live]
