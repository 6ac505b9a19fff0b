"""An object that exits while it is described is recorded as any other; what stops the process goes on."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import pytest

from designs.monitoring.errors.tracebacks import format_traceback
from designs.monitoring.fingerprint import fingerprint_exception
from designs.monitoring.untrusted.object_text import attribute_of, needs_io, text_of
from designs.monitoring.untrusted.stop_exceptions import is_stop


class _Own(BaseException):
    pass


EXITS = [SystemExit, GeneratorExit, _Own]


def _hostile(kind: type[BaseException]) -> Exception:
    def leave(*_: object) -> Any:
        raise kind

    names = ("__str__", "__repr__", "__hash__", "__eq__")
    members: dict[str, Any] = dict.fromkeys(names, leave)
    members |= dict.fromkeys(("args", "__cause__", "__context__", "error_fingerprint", "message"), property(leave))
    return type("Hostile", (ValueError,), members)("text")  # type: ignore[no-any-return]


@pytest.mark.parametrize("kind", EXITS)
def test_an_exception_that_exits_when_it_is_read_has_a_key(kind: type[BaseException]) -> None:
    error = _hostile(kind)

    assert fingerprint_exception(error).key.startswith("1:")
    assert kind.__name__ in text_of(error)
    assert attribute_of(error, "message") is None
    assert needs_io(error)
    assert "Hostile" in format_traceback(error)


@pytest.mark.parametrize("kind", EXITS)
def test_a_method_that_exits_asks_for_no_key(kind: type[BaseException]) -> None:
    class Asks(ValueError):
        def error_fingerprint(self) -> list[str]:
            raise kind

    assert fingerprint_exception(Asks("text")).key == fingerprint_exception(Asks("text")).key


@pytest.fixture
def exits_by_signal() -> Iterator[None]:
    def leave(*_: object) -> None:
        raise SystemExit(3)

    before = signal.signal(signal.SIGUSR2, leave)
    yield
    signal.signal(signal.SIGUSR2, before)


@pytest.mark.usefixtures("exits_by_signal")
def test_a_signal_that_ends_the_process_meanwhile_is_let_through() -> None:
    class Slow(ValueError):
        def __str__(self) -> str:
            signal.raise_signal(signal.SIGUSR2)
            return "text"

    with pytest.raises(SystemExit, match="3"):
        text_of(Slow())


def test_an_interrupt_goes_on() -> None:
    assert is_stop(KeyboardInterrupt())
    assert not is_stop(SystemExit())
