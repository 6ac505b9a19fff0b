"""What an exception holds is read past the code of its class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from designs.monitoring.untrusted import exceptions


class Closed(ExceptionGroup[Exception]):
    """Refuses every attribute."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError("no")


def closed() -> BaseException:
    try:
        raise KeyError("before")
    except KeyError:
        try:
            raise Closed("g", [ValueError("inside")]) from OSError("cause")
        except Closed as error:
            return error


@pytest.mark.parametrize(
    ("read", "kind"),
    [
        (exceptions.cause_of, OSError),
        (exceptions.context_of, KeyError),
        (lambda exc: exceptions.members_of(exc)[0], ValueError),
    ],
)
def test_a_class_cannot_hide_what_led_to_its_exceptions(read: Callable[[BaseException], object], kind: type) -> None:
    assert isinstance(read(closed()), kind)


def test_nor_its_traceback_and_attributes() -> None:
    error = closed()
    exceptions.attributes_of(error)["mark"] = 1

    assert exceptions.traceback_of(error) is not None
    assert exceptions.attributes_of(error) == {"mark": 1}


@pytest.mark.parametrize(
    ("cause", "context", "suppressed", "led"),
    [
        (None, None, False, None),
        (None, KeyError, False, KeyError),
        (None, KeyError, True, None),
        (OSError, KeyError, True, OSError),
        (OSError, None, False, OSError),
    ],
)
def test_the_cause_goes_before_what_was_being_handled(
    cause: type[Exception] | None, context: type[Exception] | None, suppressed: bool, led: type[Exception] | None
) -> None:
    error = ValueError()
    error.__cause__, error.__context__ = cause and cause(), context and context()
    error.__suppress_context__ = suppressed

    found = exceptions.led_to_by(error)

    assert (found and type(found)) is led
