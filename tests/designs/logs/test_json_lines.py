"""Every log event is one line of JSON in the documented shape, whatever it is made of."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import override_settings
from freezegun import freeze_time
from hypothesis import given
from hypothesis import strategies as st

from designs import context
from designs.logs import JSONFormatter
from tests.support.secrets_table import IN_TEXT

formatter = JSONFormatter()


def line_of(message: Any = "hello", *args: Any, extra: dict[Any, Any] | None = None, **facts: Any) -> dict[str, Any]:
    record = logging.makeLogRecord(
        {"name": "designs.x", "levelname": "WARNING", "levelno": 30, "msg": message, "args": args, **facts}
    )
    record.__dict__.update(extra or {})
    text = formatter.format(record)
    assert "\n" not in text
    assert "\r" not in text
    assert text.isascii()
    return json.loads(
        text,
        parse_constant=lambda constant: pytest.fail(f"{constant} is no JSON"),
        object_pairs_hook=each_name_once,
    )


def each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    assert len(found) == len(pairs)
    return found


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


class HostileError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("no")


def exc_info(error: BaseException) -> Any:
    try:
        raise error
    except BaseException:
        return sys.exc_info()


@freeze_time("2026-01-31T12:00:00.25Z")
@override_settings(ENGINEL_ENVIRONMENT="staging", ENGINEL_SERVICE="enginel-eu")
def test_a_line_has_the_documented_keys() -> None:
    assert line_of("hello %s", "world") == {
        "timestamp": "2026-01-31T12:00:00.250Z",
        "level": "WARNING",
        "logger": "designs.x",
        "message": "hello world",
        "service": "enginel-eu",
        "environment": "staging",
    }


def test_a_line_says_which_request_and_task_it_belongs_to() -> None:
    run = context.RunContext("r" * 32, "7", "GET", "/api/x/", "designs.scan", "task-1", "trace-1")
    with context.use(run):
        line = line_of()

    assert {key: line[key] for key in ("request_id", "user_id", "method", "path", "task", "task_id", "trace_id")} == {
        "request_id": "r" * 32, "user_id": "7", "method": "GET", "path": "/api/x/", "task": "designs.scan",
        "task_id": "task-1", "trace_id": "trace-1",
    }  # fmt: skip


@pytest.mark.parametrize("extra", [{}, {"nested": {"a": [1]}}], ids=["plain", "redacted"])
@pytest.mark.parametrize("user_id", [7, 0, -1, "7"])
def test_a_line_has_the_user_id_in_its_type(user_id: int | str, extra: dict[str, Any]) -> None:
    context.start_request(None, "GET", "/api/x/", str, lambda _: user_id)
    in_request = line_of(extra=extra)
    with context.use(context.RunContext(user_id=user_id)):
        bound = line_of(extra=extra)

    for line in (in_request, bound):
        assert (line["user_id"], type(line["user_id"])) == (user_id, type(user_id))


def test_extra_facts_are_keys_of_the_line() -> None:
    assert line_of(extra={"status": 500, "nested": {"a": [1]}})["nested"] == {"a": [1]}


@pytest.mark.parametrize("key", ["timestamp", "level", "logger", "service", "environment", "exception"])
def test_extra_facts_cannot_pass_for_the_services_own(key: str) -> None:
    honest = line_of()

    line = line_of(extra={key: "forged"})

    assert line.get(key) == honest.get(key) or key == "timestamp"
    assert line[key] != "forged" if key in line else True
    assert line[f"extra_{key}"] == "forged"


@pytest.mark.parametrize("names", [("level", "extra_level"), ("extra_level", "level")])
def test_extra_facts_keep_their_values_apart(names: tuple[str, str]) -> None:
    line = line_of(extra=dict(zip(names, ("one", "two"), strict=True)))

    assert line["level"] == "WARNING"
    assert {"one", "two"} <= set(line.values())


def test_extra_facts_cannot_pass_for_the_request_id() -> None:
    with context.use(context.RunContext(request_id="r" * 32)):
        line = line_of(extra={"request_id": "forged"})

    assert line["request_id"] == "r" * 32


def test_an_exception_is_told_with_its_traceback() -> None:
    line = line_of(exc_info=exc_info(ValueError("broken")))

    assert line["exception"].startswith("Traceback")
    assert line["exception"].endswith("ValueError: broken")


def test_a_long_exception_keeps_its_end() -> None:
    line = line_of(exc_info=exc_info(ValueError("x" * 10**6 + " the end")))

    assert len(line["exception"]) < 17_000
    assert line["exception"].endswith("the end")


@pytest.mark.parametrize("given_info", [(None, None, None), None, 0, False])
def test_no_exception_is_no_key(given_info: Any) -> None:
    assert "exception" not in line_of(exc_info=given_info)


@pytest.mark.parametrize("given_info", [5, "text", (1, 2, 3), ("a",), object()])
def test_a_senseless_exc_info_does_not_cost_the_line(given_info: Any) -> None:
    assert line_of(exc_info=given_info)["message"] == "hello"


def test_a_hostile_exception_does_not_cost_the_line() -> None:
    text = line_of(exc_info=exc_info(HostileError()))["exception"]

    # Python 3.13 formats what earlier versions raise on.
    assert text == "unformattable traceback: RuntimeError" or "HostileError" in text


@pytest.mark.parametrize(
    ("message", "args"), [("%d", ("text",)), ("%s %s", ("one",)), ("plain", ("too many",)), ("%(a)s", ({"b": 1},))]
)
def test_a_wrong_log_call_does_not_lose_its_line(message: str, args: tuple[Any, ...]) -> None:
    line = line_of(message, *args)

    assert line["message"].startswith(message)
    assert "unformattable" in line["message"]


@pytest.mark.parametrize("message", ["two\nlines", "carriage\rreturn", "\u2028", "\x85", "\0", "\x1b[31mred", "\ud800"])
def test_no_message_can_add_a_line(message: str) -> None:
    forged = f'{message}{{"level": "INFO"}}'

    assert line_of(forged, extra={"note": forged, f"key{message}": 1})["level"] == "WARNING"


@pytest.mark.parametrize(
    "extra",
    [
        {"o": Hostile()},
        {"n": float("nan")},
        {"b": b"\xff"},
        {1: 2},
        {Hostile(): 1},
        {("a", "b"): 1},
        {"big": "x" * 10**6},
        {"request": Hostile()},
        {"": ""},
        {"f": sys.exc_info},
        {"d": {Hostile(): Hostile()}},
    ],
)
def test_hostile_extra_facts_do_not_break_the_line(extra: dict[Any, Any]) -> None:
    assert len(json.dumps(line_of(extra=extra))) < 70_000


@pytest.mark.parametrize(("text", "secret"), IN_TEXT)
def test_no_line_keeps_a_secret(text: str, secret: str) -> None:
    with context.use(context.RunContext(path=f"/x/{text}")):
        line = line_of(text, extra={"note": text, "list": [text]}, exc_info=exc_info(ValueError(text)))

    assert secret not in str(line).replace("\\\\", "\\").replace("\\n", "\n")


def test_a_value_under_a_telling_name_goes() -> None:
    assert line_of(extra={"password": "hunter2"})["password"] == "[filtered]"


@given(
    st.text(alphabet=st.characters(exclude_categories=())),
    st.dictionaries(
        st.text(alphabet=st.characters(exclude_categories=())), st.none() | st.text() | st.floats(), max_size=3
    ),
)
def test_every_record_becomes_one_line(message: str, extra: dict[str, Any]) -> None:
    own = {"levelname", "levelno", "msg", "args", "created", "name", "exc_info", "exc_text"}
    assert line_of(message, extra={key: value for key, value in extra.items() if key not in own})["level"] == "WARNING"


@given(st.floats(0, 4e9))
def test_the_time_is_that_of_datetime(created: float) -> None:
    moment = datetime.fromtimestamp(created, UTC)

    assert line_of(created=created)["timestamp"] == f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


_telling = st.sampled_from(
    ["pass", "token", "key=", "ghp_", "=", ":", "|", "4111111111111111", "4111 1111", "bearer ", "eyJ", "@", "%41", "/"]
)
_texts = st.lists(st.text(max_size=12) | _telling, max_size=6).map("".join)


_values = _texts | st.integers() | st.floats() | st.none() | st.booleans()


def test_a_plain_line_is_put_together_without_redaction_and_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*facts: Any, **more: Any) -> Any:
        raise AssertionError("the long way")

    for name in ("_encode", "redact", "redact_text", "redacted_str"):
        monkeypatch.setattr(f"designs.logs.json_lines.{name}", refuse)

    line = line_of("GET %s", "/x/", extra={"status": 200, "ok": True, "none": None, "ms": 0.5, "route": 'a"b'})

    assert line["message"] == "GET /x/"
    assert [line[key] for key in ("status", "ok", "none", "ms", "route")] == [200, True, None, 0.5, 'a"b']


@pytest.mark.parametrize("field", ["name", "levelname"])
@pytest.mark.parametrize("value", [None, 7, [1], Hostile()])
def test_a_record_of_no_names_does_not_cost_the_line(field: str, value: Any) -> None:
    assert line_of(**{field: value})["message"] == "hello"


_taken = st.sampled_from(["level", "service", "exception", "extra_level", "extra_exception", "path"])


@given(_texts, st.dictionaries(_texts.map("x{}".format) | _taken, _values, max_size=4), _texts)
def test_a_line_that_is_plain_at_a_glance_is_the_one_that_redaction_makes(
    message: str, extra: dict[str, Any], path: str
) -> None:
    context.start(context.RunContext(request_id=context.accept_request_id(None), path=path))
    quick = line_of("%s", message, extra=extra, created=1.5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("designs.logs.json_lines._plain_line", lambda *facts: "")
        slow = line_of("%s", message, extra=extra, created=1.5)

    # Unequal to itself: a number that is none.
    assert json.dumps(quick) == json.dumps(slow)
