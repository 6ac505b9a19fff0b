"""What we count on in the SDK beyond its documented options. Where one of these fails after an update, the message says
what to look at in `integrations/sentry/`; nothing else here may be changed until it does what it did.
"""

from __future__ import annotations

import logging
from importlib.metadata import version
from typing import Any

import django
import pytest
import sentry_sdk
from sentry_sdk import scope as sdk_scope
from sentry_sdk.integrations.dedupe import DedupeIntegration
from sentry_sdk.integrations.logging import ignore_logger, unignore_logger
from sentry_sdk.serializer import serialize
from sentry_sdk.utils import event_from_exception, iter_stacks

from integrations.sentry import integration as ours
from integrations.sentry.enrich import MAX_EXCEPTIONS, MAX_FRAMES, Ready, enrich
from integrations.sentry.exception_chain import in_sdk_order
from integrations.sentry.types import Scrubber
from tests.support.sentry_capture import Collecting, started, transport

__all__ = ["transport"]


def shown(value: Any, name: str) -> Any:
    return {key: repr(held) for key, held in value.items()}


PLAIN = Scrubber(text=lambda text, max_chars: text[:max_chars], value=shown)
LEAN = {"include_local_variables": False, "include_source_context": False, "max_value_length": None}


def caught(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as raised:
        return raised


def nested(depth: int) -> None:
    if depth:
        nested(depth - 1)
    else:
        raise ValueError("at the bottom")


@pytest.fixture
def seen(transport: Collecting, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, Any]]:
    """What the event processor is given."""
    told: list[tuple[Any, Any]] = []
    process = ours.EnginelIntegration.process

    def spy(self: Any, event: Any, hint: Any) -> Any:
        told.append((dict(event), dict(hint)))
        return process(self, event, hint)

    monkeypatch.setattr(ours.EnginelIntegration, "process", spy)
    return told


def test_the_version_is_the_one_that_was_looked_at() -> None:
    assert (2, 75) <= tuple(map(int, version("sentry-sdk").split(".")[:2])) < (3, 0), "requirements/base.in pins it"


def test_our_processor_is_asked_before_the_sdk_drops_what_it_takes_for_repetitions(transport: Collecting) -> None:
    names = [f"{one.__module__}.{one.__qualname__}" for one in sdk_scope.global_event_processors]
    dedupe = next(name for name in names if name.startswith(DedupeIntegration.__module__))

    assert names.index("integrations.sentry.integration._process") < names.index(dedupe), (
        "client.py puts EnginelIntegration first among `integrations`; setup_integrations must set up in that order"
    )


def test_an_exception_comes_with_its_exc_info_and_an_id(seen: list[tuple[Any, Any]]) -> None:
    error = caught(ValueError("x"))
    sentry_sdk.capture_exception(error)

    ((event, hint),) = seen
    assert hint["exc_info"][1] is error, "sdk_events.py takes the exception from hint['exc_info']"
    assert len(event["event_id"]) == 32, "sdk_events.py gives the record the SDK's id; it is set before processors run"
    assert event["exception"]["values"][-1]["mechanism"]["type"] == "generic", "sdk_events.py tells sources by it"


def test_a_line_of_the_log_comes_with_its_record(seen: list[tuple[Any, Any]]) -> None:
    logging.getLogger("designs.x").error("disk %s is full", "sda")

    ((event, hint),) = seen
    assert hint["log_record"].args == ("sda",), "sdk_events.py looks for exceptions in hint['log_record'].args"
    assert event["logentry"]["message"] == "disk %s is full", "lines are grouped by logentry.message and logger"
    assert event["logger"] == "designs.x"


def test_events_of_a_processor_that_raises_pass(transport: Collecting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours.EnginelIntegration, "process", lambda *args: 1 / 0)
    sentry_sdk.capture_message("x", level="error")

    assert len(transport.events) == 1, "integration.py counts on capture_internal_exceptions around each processor"


def test_what_names_itself_ready_is_not_walked() -> None:
    held = Ready(text="x" * 10_000, number=1)

    assert serialize({"a": held}, max_value_length=10)["a"] == dict(held), (
        "enrich.py hands frames over by __sentry_repr__; else each kept event costs twice as much"
    )


def test_the_packages_of_an_event_are_not_walked(transport: Collecting, monkeypatch: pytest.MonkeyPatch) -> None:
    handed: list[Any] = []
    monkeypatch.setattr(Ready, "__sentry_repr__", lambda ready: handed.append(ready) or dict(ready))
    sentry_sdk.capture_message("x", level="error")

    assert transport.events[0]["modules"]["django"] == django.__version__
    assert transport.events[0]["modules"] in handed, (
        "integration.py has a processor of the global scope come after that of the SDK's ModulesIntegration"
    )


@pytest.mark.parametrize("pattern", ["designs.quiet", "designs.qui*"])
def test_loggers_are_ignored_by_name_and_by_pattern(transport: Collecting, pattern: str) -> None:
    ignore_logger(pattern)
    try:
        logging.getLogger("designs.quiet").error("x")
    finally:
        unignore_logger(pattern)

    assert transport.events == [], "client.py: IGNORED_LOGGERS holds patterns"


def test_before_send_sees_the_event_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr("integrations.sentry.setup.scrubbing", lambda *args: lambda event, hint: told.append(event))
    with started(), sentry_sdk.new_scope() as scope:
        scope.set_extra("held", object())
        sentry_sdk.capture_message("x", level="error")

    assert isinstance(told[0]["extra"]["held"], str), "scrub.py works on JSON: before_send must come after serialising"


def chain(length: int) -> BaseException:
    link: BaseException | None = None
    for number in range(length):
        error = ValueError(str(number))
        error.__cause__ = link
        link = caught(error)
    assert link is not None
    return link


def groups() -> BaseException:
    inner = ExceptionGroup("inner", [caught(KeyError("a")), caught(OSError("b"))])
    inner.__cause__ = caught(ValueError("led to inner"))
    return caught(ExceptionGroup("outer", [caught(inner), caught(TypeError("c"))]))


@pytest.mark.parametrize("error", [chain(1), chain(3), groups(), caught(RuntimeError("alone"))])
def test_exceptions_come_in_the_order_in_which_we_walk_them(error: BaseException) -> None:
    event, _ = event_from_exception(error, client_options=LEAN)
    values: Any = event["exception"]["values"]

    listed = [(value["type"], value["value"]) for value in reversed(values)]
    walked = [type(link).__name__ for link in in_sdk_order(error, 100)]
    assert [kind for kind, _ in listed] == walked, "enrich.py pairs the list of the SDK with the chain: in_sdk_order"
    enrich(dict(event), error, PLAIN, "")
    assert all("context_line" in value["stacktrace"]["frames"][-1] for value in values if "stacktrace" in value)


def test_frames_are_those_of_iter_stacks() -> None:
    with pytest.raises(ValueError, match="bottom") as raised:
        nested(5)
    event, _ = event_from_exception(raised.value, client_options=LEAN)
    frames: Any = event["exception"]["values"][0]["stacktrace"]["frames"]  # type: ignore[index]

    lines = [link.tb_lineno for link in iter_stacks(raised.value.__traceback__)]
    assert [frame["lineno"] for frame in frames] == lines, "enrich.py pairs frames with iter_stacks"


def test_a_stack_without_end_is_cut_where_it_began_and_where_it_ended() -> None:
    with pytest.raises(ValueError, match="bottom") as raised:
        nested(600)
    event = dict(event_from_exception(raised.value, client_options=LEAN)[0])
    before = [frame["lineno"] for frame in event["exception"]["values"][0]["stacktrace"]["frames"]]  # type: ignore[index]
    enrich(event, raised.value, PLAIN, "")

    frames = event["exception"]["values"][0]["stacktrace"]["frames"]  # type: ignore[index]
    assert len(frames) == MAX_FRAMES
    assert [frame["lineno"] for frame in frames] == [*before[:50], *before[50 - MAX_FRAMES :]]
    assert frames[-1]["context_line"].strip() == 'raise ValueError("at the bottom")'


def test_a_chain_without_end_keeps_its_first_and_its_last() -> None:
    error = chain(100)
    event = dict(event_from_exception(error, client_options=LEAN)[0])
    enrich(event, error, PLAIN, "")

    values = [value["value"] for value in event["exception"]["values"]]  # type: ignore[index]
    assert len(values) == MAX_EXCEPTIONS
    assert (values[0], values[-1]) == ("0", "99")


def test_locals_that_break_cost_the_event_nothing_else(transport: Collecting, caplog: Any) -> None:
    error = caught(ValueError("x"))
    event = dict(event_from_exception(error, client_options=LEAN)[0])
    enrich(event, error, Scrubber(PLAIN.text, lambda value, name: 1 / 0), "")  # type: ignore[arg-type, return-value]

    assert event["exception"]["values"][0]["value"] == "x"  # type: ignore[index]
    assert "without source and locals" in caplog.text


def test_an_event_stays_below_what_sentry_takes(transport: Collecting) -> None:
    def fail(depth: int, held: list[str]) -> None:
        more = {str(number): "x" * 3_000 for number in range(20)}
        if depth:
            fail(depth - 1, [*held, str(more)])
        raise ValueError("y" * 100_000)

    sentry_sdk.get_isolation_scope().set_extra("held", ["z" * 3_000] * 100)
    for number in range(100):
        sentry_sdk.add_breadcrumb(message="m" * 3_000, data={"number": number})
    with pytest.raises(ValueError, match="y") as raised:
        fail(200, [])
    sentry_sdk.capture_exception(raised.value)

    assert len(transport.raw[0]) < 1_000_000
