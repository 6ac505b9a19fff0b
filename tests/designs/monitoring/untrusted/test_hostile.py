"""Whatever is thrown at log_error is recorded, bounded, and never raises."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from django.test import override_settings
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from designs.monitoring import ErrorTracker, guard
from designs.monitoring.errors import recorder
from tests.support.outage import REFUSED_URL

MAX_EVENT_BYTES = 64 * 1024


class NoText(Exception):
    def __str__(self) -> str:
        raise RuntimeError("str")

    def __repr__(self) -> str:
        raise RuntimeError("repr")


class NoIdentity(Exception):
    def __eq__(self, other: object) -> bool:
        raise RuntimeError("eq")

    def __hash__(self) -> int:
        raise RuntimeError("hash")

    def __bool__(self) -> bool:
        raise RuntimeError("bool")


class NoAttributes(Exception):
    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("getattr")

    def __setattr__(self, name: str, value: Any) -> None:
        raise RuntimeError("setattr")


class NothingAtAll(Exception):
    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError("getattribute")


class Slotted(Exception):
    __slots__ = ()


class Details(Exception):
    @property
    def details(self) -> Any:
        raise RuntimeError("details")


class LyingText(str):  # noqa: SLOT000
    def __len__(self) -> int:
        return 3

    def __str__(self) -> str:
        return "x" * 10**6


class Notes(Exception):
    @property
    def __notes__(self) -> Any:
        raise RuntimeError("notes")


class Linked(Exception):
    @property
    def args(self) -> Any:  # type: ignore[override]
        raise RuntimeError("args")

    __cause__ = __context__ = __traceback__ = args  # type: ignore[assignment]


class HostileMeta(type):
    @property
    def __module__(cls) -> str:  # type: ignore[override]
        raise RuntimeError("module")


class HostileValue:
    def _raise(self, *args: Any) -> Any:
        raise RuntimeError("value")

    __str__ = __repr__ = __eq__ = __hash__ = __getattr__ = __iter__ = __len__ = __bool__ = _raise  # type: ignore[assignment]


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:
        return caught


def chain(length: int, *, by: str, closed: bool = False) -> BaseException:
    first = last = ValueError("0")
    for number in range(1, length):
        following = ValueError(str(number))
        setattr(last, by, following)
        last = following
    if closed:
        setattr(last, by, first)
    return first


def deep(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"in": value}
    return value


def cyclic() -> dict[str, Any]:
    made: dict[str, Any] = {"list": []}
    made["list"].append(made)
    made["self"] = made
    return made


def recursion() -> BaseException:
    def down() -> None:
        down()

    try:
        down()
    except RecursionError as error:
        return error
    raise AssertionError


def named(name: str, module: object) -> BaseException:
    return type(name, (Exception,), {"__module__": module})("x")


def noted(notes: object) -> BaseException:
    error = ValueError("x")
    error.__notes__ = notes  # type: ignore[assignment]
    return error


def from_module(name: object, filename: str = "module.py") -> BaseException:
    """Raise from code whose module has this for a name."""
    scope: dict[str, Any] = {"__name__": name}
    exec(compile("def fail(): raise ValueError('x')", filename, "exec"), scope)
    try:
        scope["fail"]()
    except ValueError as error:
        return error
    raise AssertionError


EXCEPTIONS: dict[str, Callable[[], Any]] = {
    "no text": NoText,
    "no identity": NoIdentity,
    "no attributes": NoAttributes,
    "slots": Slotted,
    "details that raise": Details,
    "lying text": lambda: LyingText("x"),
    "arguments that raise": lambda: ValueError(HostileValue()),
    "cause cycle": lambda: chain(3, by="__cause__", closed=True),
    "context cycle": lambda: chain(3, by="__context__", closed=True),
    "long cause": lambda: chain(10_000, by="__cause__"),
    "long context": lambda: chain(10_000, by="__context__"),
    "recursion": recursion,
    "50 MB": lambda: ValueError("password=x " * 5_000_000),
    "50 MB of one letter": lambda: ValueError("x" * 50_000_000),
    "surrogates": lambda: ValueError("\ud800\udfff"),
    "NUL and bidi": lambda: ValueError("\0\x1b[31m\u202e\u2066evil"),
    "bytes": lambda: ValueError(b"\xff\xfe\0"),
    "group": lambda: ExceptionGroup("g", [NoText(), ValueError("x"), ExceptionGroup("h", [NoIdentity()])]),
    "notes that raise": Notes,
    "no list of notes": lambda: noted(HostileValue()),
    "notes of anything": lambda: noted([HostileValue(), "x" * 10_000_000, None]),
    "links that raise": Linked,
    "module of surrogates": lambda: named("\u202eName", "\ud800\0"),
    "endless name": lambda: named("x" * 1_000_000, "y" * 1_000_000),
    "no module": lambda: named("Name", HostileValue()),
    "frames of a hostile module": lambda: from_module(HostileValue()),
    "frames of a module of surrogates": lambda: from_module("\ud800\0", "\udcff\u202e.py"),
    "frames of an endless module": lambda: from_module("x" * 1_000_000, "y" * 1_000_000),
    "three million": lambda: ValueError(list(range(3_000_000))),
    "three million keys": lambda: KeyError("key", dict.fromkeys(range(3_000_000))),
    "50 MB of bytes": lambda: ValueError(b"x" * 50_000_000),
    "keyboard": KeyboardInterrupt,
    "exit": lambda: SystemExit(HostileValue()),
    "generator exit": GeneratorExit,
    "unicode": lambda: UnicodeDecodeError("utf-8", b"\xff" * 10_000, 0, 1, "no"),
    "not an exception": HostileValue,
    "a class": lambda: ValueError,
}

CONTEXTS: dict[str, Callable[[], Any]] = {
    "deep": lambda: deep(100_000),
    "cyclic": cyclic,
    "hostile": HostileValue,
    "hostile key": lambda: {"a": {HostileValue: HostileValue()}},
    "50 MB": lambda: {"x": "y" * 50_000_000},
    "wide": lambda: {str(number): "z" * 1_000 for number in range(10_000)},
    "surrogates": lambda: {"\ud800": "\udfff\0\u202e"},
    "many quotes": lambda: {str(number): '\x01"\\' * 4_000 for number in range(100)},
    "reserved": lambda: {"event_id": "x", "fingerprint": 1, "traceback": None, "details": HostileValue()},
    "three million": lambda: {"d": deque(range(3_000_000)), "k": dict.fromkeys(range(3_000_000)).keys()},
    "numbers": lambda: {"n": float("nan"), "i": -float("inf"), "big": 10**5000, "c": 1j},
}


def assert_recorded(returned: dict[str, Any]) -> None:
    (stored,) = ErrorTracker.get_recent_errors(10)
    assert stored["event_id"] == returned["event_id"]
    event = {name: value for name, value in stored.items() if name not in ("traceback", "fingerprint", "occurrences")}
    assert len(json.dumps(event)) <= MAX_EVENT_BYTES
    assert len(stored["traceback"]) <= 32_000
    for value in (stored["error_message"], stored["traceback"]):
        value.encode()
        assert not {"\0", "\u202e", "\u2066", "\x1b"} & set(value)


@pytest.mark.parametrize("make", EXCEPTIONS.values(), ids=EXCEPTIONS.keys())
def test_a_hostile_exception_is_recorded(make: Callable[[], Any]) -> None:
    error = make()
    if isinstance(error, BaseException):
        error = raised(error)

    assert_recorded(ErrorTracker.log_error(error))
    assert guard.swallowed == {}
    assert recorder.error_store.totals()["occurrences"] == 1


@pytest.mark.parametrize("make", CONTEXTS.values(), ids=CONTEXTS.keys())
def test_a_hostile_context_is_recorded(make: Callable[[], Any]) -> None:
    assert_recorded(ErrorTracker.log_error(raised(ValueError("x")), make()))
    assert guard.swallowed == {}


@pytest.mark.parametrize("make", EXCEPTIONS.values(), ids=EXCEPTIONS.keys())
def test_a_hostile_exception_seen_twice_counts_once(make: Callable[[], Any]) -> None:
    error = make()
    if not isinstance(error, BaseException):
        return
    ErrorTracker.log_error(error)
    ErrorTracker.log_error(error)

    assert recorder.error_store.totals()["occurrences"] == 1


@pytest.mark.parametrize("make", [*EXCEPTIONS.values()], ids=EXCEPTIONS.keys())
def test_a_hostile_exception_is_kept_without_redis(make: Callable[[], Any]) -> None:
    with override_settings(REDIS_URL=REFUSED_URL):
        returned = ErrorTracker.log_error(make())
        assert_recorded(returned)


@pytest.mark.usefixtures("allow_swallowed")
@pytest.mark.parametrize(
    "part", ["build_event", "mark_of", "fingerprint_exception", "format_traceback", "set_mark", "_log", "_forward"]
)
@pytest.mark.parametrize("failure", [RuntimeError("broken"), MemoryError(), RecursionError()])
def test_a_part_of_the_tracker_that_fails_reaches_nobody(
    part: str, failure: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise failure

    monkeypatch.setattr(recorder, part, fail)

    assert isinstance(ErrorTracker.log_error(raised(ValueError("x"))), dict)
    assert sum(guard.swallowed.values()) == 1


@pytest.mark.usefixtures("allow_swallowed")
def test_what_cannot_be_grouped_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "fingerprint_exception", lambda *args: 1 / 0)

    ErrorTracker.log_error(raised(ValueError("x")))

    assert recorder.error_store.totals()["by:exception|ERROR|explicit"] == 1


@pytest.mark.usefixtures("allow_swallowed")
def test_an_exception_that_gives_no_attribute_at_all_is_recorded_once() -> None:
    error = NothingAtAll()

    assert_recorded(ErrorTracker.log_error(error))
    ErrorTracker.log_error(error)

    assert recorder.error_store.totals()["occurrences"] == 1


@pytest.mark.usefixtures("allow_swallowed")
def test_who_stops_the_process_is_let_through(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(recorder.error_store, "record", stop)

    with pytest.raises(KeyboardInterrupt):
        ErrorTracker.log_error("x")


NAMES = ["\ud800", "\x1f", "a|b|c", "a\0b", "x" * 1_000_000, "\u00e9", None, 5, b"b", ["l"], HostileValue()]


@pytest.mark.parametrize("name", NAMES, ids=lambda name: type(name).__name__)
def test_any_source_is_recorded_and_counted_under_a_word(name: Any) -> None:
    record = ErrorTracker.log_error(raised(ValueError("x")), source=name)

    assert_recorded(record)
    assert re.fullmatch(r"[a-z0-9_.-]{1,32}", record["source"])
    assert recorder.error_store.totals()[f"by:exception|ERROR|{record['source']}"] == 1


@pytest.mark.parametrize("name", NAMES, ids=lambda name: type(name).__name__)
def test_any_operation_is_recorded(name: Any) -> None:
    assert_recorded(ErrorTracker.log_error(raised(ValueError("x")), operation=name))
    assert guard.swallowed == {}


@pytest.mark.parametrize("end", ["\ud800", "\0", "y", "z" * 500])
def test_operations_are_told_apart_whatever_they_are_called(end: str) -> None:
    for operation in ("x" * 400 + end, "x" * 400 + end, "x" * 400):
        ErrorTracker.log_error(raised(ValueError("x")), operation=operation)

    assert recorder.error_store.totals()["occurrences"] == 2


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.builds(HostileValue),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4) | st.tuples(inner, inner),
    max_leaves=12,
)


@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    error=st.text() | ANYTHING | st.builds(ValueError, ANYTHING) | st.builds(NoText, st.text()),
    context=ANYTHING,
    user_id=ANYTHING,
    path=ANYTHING,
    severity=ANYTHING,
    source=ANYTHING,
)
def test_anything_is_recorded(error: Any, context: Any, user_id: Any, path: Any, severity: Any, source: Any) -> None:
    before = recorder.error_store.totals().get("occurrences", 0)

    returned = ErrorTracker.log_error(error, context, user_id, path, severity, source=source)

    assert returned["event_id"]
    assert guard.swallowed == {}
    assert recorder.error_store.totals()["occurrences"] == before + 1
    stored = {record["event_id"]: record for record in ErrorTracker.get_recent_errors(100)}[returned["event_id"]]
    stored.pop("traceback")
    assert len(json.dumps(stored)) <= MAX_EVENT_BYTES + 200
