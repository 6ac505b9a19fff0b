"""What would take the SDK long to read goes as what stands in for it, and looks the same otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from designs.monitoring import ErrorTracker, guard
from designs.monitoring.fingerprint import fingerprint_exception
from tests.support.sentry_capture import Collecting, transport

__all__ = ["transport"]


class Unread(Exception):
    """Must be asked for its text once only: by the record."""

    asked = 0

    def __str__(self) -> str:
        type(self).asked += 1
        return "x" * 100_000


class HostileCode(Exception):
    @property
    def default_code(self) -> str:
        raise RuntimeError("code")


@pytest.fixture
def events(transport: Collecting) -> list[Any]:
    return transport.events


def caught(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        raise error from cause
    except BaseException as raised:
        return raised


def test_an_exception_of_millions_of_items_is_sent_in_short(events: list[Any]) -> None:
    error = caught(OSError(list(range(3_000_000))), caught(KeyError("why")))
    error.add_note("noted")

    ErrorTracker.log_error(error)

    cause, value = events[0]["exception"]["values"]
    assert (cause["type"], cause["value"]) == ("KeyError", "'why'")
    assert (value["type"], value["module"]) == ("OSError", None)
    assert value["value"].startswith("<list of 3000000: 0, 1, 2, ")
    assert value["value"].endswith("noted")
    assert [frame["function"] for frame in value["stacktrace"]["frames"]] == ["caught"]
    assert value["stacktrace"]["frames"][0]["context_line"] == "        raise error from cause"


def test_a_long_text_is_not_asked_for_again(events: list[Any]) -> None:
    # The key of a stack that is new is made of the text, too.
    fingerprint_exception(caught(Unread()))
    error, Unread.asked = caught(Unread()), 0

    record = ErrorTracker.log_error(error)

    (value,) = events[0]["exception"]["values"]
    assert value["type"] == "Unread"
    assert (len(value["value"]), value["value"][-28:]) == (2_048, "xxxxx... [100000 characters]")
    assert record["error_message"][-28:] == value["value"][-28:]
    assert Unread.asked == 1


def test_of_a_wide_group_the_first_members_are_sent(events: list[Any]) -> None:
    ErrorTracker.log_error(caught(ExceptionGroup("many", [ValueError(str(number)) for number in range(20_000)])))

    values = events[0]["exception"]["values"]
    group = values[-1]
    assert (group["type"], group["value"]) == ("ExceptionGroup", "many (20000 sub-exceptions)")
    assert [value["value"] for value in values[:-1]][-2:] == ["1", "0"]
    assert len(values) == 20


def test_a_code_that_raises_costs_no_event(events: list[Any]) -> None:
    ErrorTracker.log_error(caught(HostileCode("x")))

    assert events[0]["exception"]["values"][0]["type"] == "HostileCode"
    assert guard.swallowed == {}
