"""Sentry's event of a failure has the failure's key, and no JSON at all breaks the reading."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest
from django.template import TemplateDoesNotExist
from django.template.loader import get_template
from hypothesis import given
from hypothesis import strategies as st
from sentry_sdk.utils import event_from_exception, handle_in_app

from designs.monitoring.fingerprint import fingerprint_event, fingerprint_exception, fingerprint_message

HERE = __name__


def caught(act: Callable[[], Any]) -> BaseException:
    with pytest.raises(BaseException) as info:  # noqa: PT011 - whatever it raises
        act()
    return info.value


def event_of(exc: BaseException) -> dict[str, Any]:
    return event_from_exception(exc)[0]


class Part:
    def read(self) -> int:
        raise ValueError("x")

    @property
    def size(self) -> int:
        return sum([self.read() for _ in range(1)])


class Assembly:
    def read(self) -> int:
        raise ValueError("x")


def plain() -> None:
    Part().read()


def nested() -> None:
    def inner() -> int:
        return max([1], key=lambda _: Part().size)

    inner()


def foreign() -> None:
    json.loads("{")


def with_cause() -> None:
    try:
        plain()
    except ValueError as error:
        raise KeyError("y") from error


def with_context() -> None:
    try:
        plain()
    except ValueError:
        raise KeyError("y")  # noqa: B904


def with_suppressed_context() -> None:
    try:
        plain()
    except ValueError:
        raise KeyError("y") from None


def recursive(depth: int = 30) -> None:
    if depth == 0:
        plain()
    recursive(depth - 1)


def mutual(depth: int = 31) -> None:
    if depth == 0:
        plain()
    mutual_other(depth - 1)


def mutual_other(depth: int) -> None:
    if depth == 0:
        plain()
    mutual(depth - 1)


def group_of(*acts: Callable[[], Any]) -> None:
    raise ExceptionGroup("several", [caught(act) for act in acts])  # type: ignore[type-var]


def group() -> None:
    group_of(plain, nested, with_cause)


def nested_group() -> None:
    group_of(plain, lambda: group_of(nested, with_context))


def group_of_one() -> None:
    group_of(plain, plain)


def group_while_handling() -> None:
    errors = []
    for act in (plain, foreign):
        try:
            act()
        except ValueError as error:
            errors.append(error)
    try:
        plain()
    except ValueError as error:
        raise ExceptionGroup("several", [*errors, error])  # noqa: B904


def template() -> None:
    get_template("no/such.html")


CASES = [
    plain, nested, foreign, with_cause, with_context, with_suppressed_context, recursive, mutual, group, nested_group,
    group_of_one, group_while_handling, template,
]  # fmt: skip


@pytest.mark.parametrize("act", CASES, ids=lambda act: act.__name__)
@pytest.mark.parametrize("flagged", [False, True], ids=["bare", "with in_app"])
def test_the_event_of_a_failure_has_its_key(act: Callable[[], Any], flagged: bool) -> None:
    error = caught(act)
    event = event_of(error)
    if flagged:
        event = handle_in_app(event, [], [], project_root=__file__.rpartition("/tests/")[0])  # type: ignore[arg-type]
    live, read = fingerprint_exception(error), fingerprint_event(event)

    assert read.parts == live.parts
    assert read == live


def test_a_recursion_error_and_its_event_share_the_key() -> None:
    def endless() -> None:
        endless()

    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(400)
    try:
        error = caught(endless)
    finally:
        sys.setrecursionlimit(limit)

    assert fingerprint_event(event_of(error)) == fingerprint_exception(error)


def test_exceptions_that_were_never_raised_share_the_key_of_their_message() -> None:
    for error in (ValueError("row 5"), ExceptionGroup("x", [ValueError("row 5"), KeyError("a")])):
        assert fingerprint_event(event_of(error)).key == fingerprint_exception(error).key


def test_two_classes_with_one_method_name_are_two_groups() -> None:
    def fail(kind: Any) -> BaseException:
        return caught(lambda: kind().read())

    part, assembly = fail(Part), fail(Assembly)

    assert fingerprint_exception(part).key != fingerprint_exception(assembly).key
    assert fingerprint_event(event_of(part)).key != fingerprint_event(event_of(assembly)).key


def test_the_order_and_number_of_a_groups_members_do_not_matter() -> None:
    keys = {
        fingerprint_exception(caught(lambda acts=acts: group_of(*acts))).key  # type: ignore[misc]
        for acts in [(plain, nested), (nested, plain), (nested, plain, plain, nested)]
    }

    assert len(keys) == 1


def test_a_group_of_one_kind_has_that_kinds_key() -> None:
    error = caught(plain)

    assert (
        fingerprint_exception(ExceptionGroup("x", [error, error])).key  # type: ignore[list-item]
        == fingerprint_exception(error).key
    )


@pytest.mark.parametrize(
    ("event", "parts"),
    [
        ({"message": "row 5 bad"}, ("message", "", "row <number> bad")),
        (
            {"logentry": {"message": "row %s bad", "formatted": "row five bad", "params": ["five"]}, "logger": "app"},
            ("message", "app", "row %s bad"),
        ),
        ({"logentry": {"formatted": "row 5 bad"}}, ("message", "", "row <number> bad")),
        ({}, ("event without exception, stack trace or message",)),
        (
            {"exception": {"values": [{"type": "ValueError", "value": "row 5"}]}},
            ("type ValueError", "message row <number>"),
        ),
        (
            {"exception": [{"type": "ValueError", "stacktrace": {"frames": [{"module": "a", "function": "f"}]}}]},
            ("type ValueError", "frame a.f"),
        ),
        (
            {"threads": {"values": [{"crashed": True, "stacktrace": {"frames": [{"module": "a", "function": "f"}]}}]}},
            ("type stack trace without exception", "frame a.f"),
        ),
    ],
)
def test_events_without_python_still_group(event: dict[str, Any], parts: tuple[str, ...]) -> None:
    assert fingerprint_event(event).parts == parts


def test_a_log_record_and_its_event_share_the_key() -> None:
    event = {"logentry": {"message": "row %s bad", "params": ["5"]}, "logger": "app"}

    assert fingerprint_event(event).key == fingerprint_message("row %s bad", "app").key


@pytest.mark.parametrize(
    ("stated", "parts"),
    [
        (["a", "b"], ("custom", "a", "b")),
        (["{{ default }}"], ("message", "", "row <number>")),
        (["{{default}}", "b"], ("message", "", "row <number>", "custom b")),
        (["{{  default }}", None, 5], ("message", "", "row <number>", "custom 5")),
        (["row 5"], ("custom", "row <number>")),
        ("not a list at all", ("custom", "not a list at all")),
        ({}, ("message", "", "row <number>")),
    ],
)
def test_the_clients_fingerprint_counts(stated: object, parts: tuple[str, ...]) -> None:
    assert fingerprint_event({"message": "row 5", "fingerprint": stated}).parts == parts


def test_the_sdks_list_for_time_limits_is_our_rule() -> None:
    event = {
        "exception": {"values": [{"type": "SoftTimeLimitExceeded", "module": "billiard.exceptions"}]},
        "fingerprint": ["celery", "SoftTimeLimitExceeded", "designs.scan"],
    }

    assert "task designs.scan" in fingerprint_event(event).parts


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
FRAME = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("module", "function", "abs_path", "in_app", "lineno", "context_line", "vars"), JSON),
)
VALUE = st.fixed_dictionaries(
    {},
    optional={
        "type": JSON | st.just("RecursionError"),
        "module": JSON,
        "value": JSON,
        "mechanism": JSON
        | st.fixed_dictionaries(
            {"exception_id": st.integers(-1, 5), "is_exception_group": st.booleans()},
            optional={"parent_id": st.integers(-1, 5) | JSON, "source": st.just("__cause__") | JSON},
        ),
        "stacktrace": JSON | st.fixed_dictionaries({"frames": st.lists(FRAME | JSON, max_size=5) | JSON}),
    },
)
EVENT = st.fixed_dictionaries(
    {},
    optional={
        "exception": JSON | st.fixed_dictionaries({"values": st.lists(VALUE | JSON, max_size=6) | JSON}),
        **dict.fromkeys(("threads", "stacktrace", "logentry", "message", "fingerprint", "extra", "logger"), JSON),
    },
)


@given(EVENT | JSON)
def test_any_event_has_a_key(event: Any) -> None:
    made = fingerprint_event(event)

    assert made.parts != ("unreadable event",)
    assert made == fingerprint_event(event)


def test_deep_and_long_events_have_a_key() -> None:
    deep: Any = {}
    for _ in range(100_000):
        deep = {"values": [deep], "frames": [deep], "stacktrace": deep, "mechanism": deep}
    chain = [
        {"type": "E", "mechanism": {"exception_id": n, "parent_id": n - 1, "is_exception_group": True}}
        for n in reversed(range(50_000))
    ]

    for event in ({"exception": deep}, {"threads": deep}, {"exception": {"values": chain}}):
        assert fingerprint_event(event).parts != ("unreadable event",)
    while deep:  # a hundred thousand levels are not for the interpreter to free at once
        deep = deep.pop("values")[0] if deep.keys() else None


def test_template_of_a_missing_template_is_part_of_it() -> None:
    assert "template no/such.html" in fingerprint_exception(caught(template)).parts
    assert fingerprint_exception(TemplateDoesNotExist("a")).key != fingerprint_exception(TemplateDoesNotExist("b")).key
