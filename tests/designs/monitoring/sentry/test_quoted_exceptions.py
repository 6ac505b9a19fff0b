"""What a line must say of an exception to be about it, where its writer was not given the exception."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from typing import Any

import pytest
from celery.exceptions import ChordError

from designs.monitoring.sentry.quoted_exceptions import comes_from_a_result, subject_of


class PriceError(Exception):
    pass


class Failure(Exception):
    pass


class Error(Exception):
    pass


class Odd(Exception):
    """Whose own code raises."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no comparison")

    __hash__ = None  # type: ignore[assignment]


LIST = "the price list of the supplier is empty"
LINES = "the price list of the supplier is empty:\n  no line\n  no total"
SECRET = "prices at https://shop:hunter2secret@prices.example.org/list"


class Elsewhere:
    """Writes a line as code does that knows nothing of the exception and makes the line itself."""

    def __init__(self, line: str) -> None:
        self.line = line

    def write(self) -> Any:
        subject = subject_of(self.line)
        return None if subject is None else (type(subject.exc).__name__, subject.is_quoted)


def written(line: str) -> Any:
    return Elsewhere(line).write()


def wrapper(line: str) -> Any:
    """Writes what its caller says."""
    return subject_of(f"[pricing] {line}")


@pytest.mark.parametrize(
    ("exc", "line"),
    [
        (Failure(LIST), f"no price: {LIST}"),
        (Failure(LIST), f"no price: {LIST[:25]}..."),
        (Failure(LINES), "no price: " + " ".join(LINES.split())),
        (Failure(LINES), LINES.splitlines()[0]),
        (Failure(LIST, 5), f"no price: {LIST}"),
        (KeyError("the-key-of-a-price"), "no price: the-key-of-a-price"),
        (KeyError("the-key-of-a-price"), "no price: 'the-key-of-a-price'"),
        (OSError(2, "No such file or directory", "/x"), "no price: No such file or directory"),
        (Failure(SECRET), "no prices at https://[filtered]@prices.example.org/list"),
        (Failure(LIST), json.dumps({"error": LIST})),
        (PriceError(""), "pricing ended by PriceError"),
        (PriceError("x"), "PriceError: x"),
        (PriceError("x"), f"ended: {PriceError('x')!r}"),
        (KeyError("id"), "ended by KeyError: 'id'"),
        (Odd(), "ended: <tests.designs.monitoring.sentry.test_quoted_exceptions.Odd: str() raised RuntimeError>"),
    ],
)
def test_a_line_that_quotes_an_exception_is_about_it(exc: Exception, line: str) -> None:
    assert written(line) is None
    try:
        raise exc
    except Exception:
        assert written(line) == (type(exc).__name__, True)


@pytest.mark.parametrize(
    ("exc", "line"),
    [
        (Failure(""), "disk sda is full"),
        (Failure("s"), "disk sda is full"),
        (Failure("disk"), "disk sda is full"),
        (Failure("is full"), "disk sda is full"),
        (Failure("connection"), "too many connections"),
        (Error("x"), "Error while reading the disk"),
        (Failure(LIST), "Failure of a disk"),
        (KeyError("id"), "no such id"),
        (PriceError("x"), "a PriceErrors table is missing"),
        (Failure("5"), "5 of 10 disks are full"),
        (Odd(), "disk sda is full"),
    ],
)
def test_another_line_is_a_failure_of_its_own(exc: Exception, line: str) -> None:
    try:
        raise exc
    except Exception:
        assert written(line) is None


def test_a_traceback_is_a_quotation_also_where_it_is_cut() -> None:
    try:
        raise Failure("x")
    except Failure:
        assert written(traceback.format_exc()[:50]) == ("Failure", True)


def test_the_words_of_the_cause_are_the_exceptions() -> None:
    try:
        try:
            raise Failure(LIST)
        except Failure as error:
            raise PriceError("x") from error
    except PriceError:
        assert written(f"no price: {LIST}") == ("PriceError", True)


def test_the_words_of_an_exception_that_is_handled_further_out_are_that_ones() -> None:
    try:
        raise Failure(LIST)
    except Failure:
        try:
            raise PriceError("x")
        except PriceError:
            assert written(f"no price: {LIST}") == ("Failure", True)


def test_a_function_that_writes_for_its_caller_is_passed_over() -> None:
    try:
        raise Failure("x")
    except Failure:
        assert wrapper("an order without a price") == (sys.exc_info()[1], False)


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_what_ends_a_process_is_no_subject(error: BaseException) -> None:
    try:
        raise error
    except BaseException:
        assert subject_of("going down") is None


def test_exceptions_that_lead_to_themselves_are_looked_at_once() -> None:
    first, second = Failure("x"), Failure("y")
    first.__cause__, second.__cause__ = second, first
    try:
        raise first
    except Failure:
        assert written("disk sda is full") is None


def line_of(logger: str) -> logging.LogRecord:
    return logging.LogRecord(logger, logging.ERROR, "x.py", 1, "Chord %r raised: %r", (), None)


def test_a_chords_error_about_a_stored_failure_comes_from_a_result() -> None:
    error = ChordError("Dependency 5 raised ValueError('x')")
    error.__cause__ = ValueError("x")

    assert comes_from_a_result(line_of("celery.backends.redis"), error)
    assert not comes_from_a_result(line_of("designs.tasks"), error)


@pytest.mark.parametrize("error", [ChordError("Callback error: OSError()"), OSError("away"), TimeoutError()])
def test_what_fails_in_the_chord_itself_does_not(error: Exception) -> None:
    with pytest.raises(type(error)):
        raise error

    assert not comes_from_a_result(line_of("celery.backends.redis"), error)
