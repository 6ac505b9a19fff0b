"""What an exception's class and attributes do is as inert as what it holds: no query, and no lost record."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.functional import SimpleLazyObject, lazy

from designs.models import User
from designs.monitoring import ErrorTracker
from tests.support.sentry_capture import Collecting, transport

__all__ = ["transport"]

pytestmark = pytest.mark.django_db


def count() -> int:
    return User.objects.count()


@contextmanager
def no_queries() -> Iterator[None]:
    with CaptureQueriesContext(connection) as queries:
        yield
    assert queries.captured_queries == []


class Names(Mapping[str, Any]):
    """A mapping that looks for its items in the database."""

    def __getitem__(self, key: str) -> Any:
        raise KeyError(key, count())

    def __iter__(self) -> Iterator[str]:
        return iter([str(count())])

    def __len__(self) -> int:
        return count() + 1


class Listed(dict[str, Any]):
    def __len__(self) -> int:
        return count()


class CountedText(str):
    __slots__ = ()

    def __str__(self) -> str:
        return str(count())


class CountedBytes(bytes):
    def __len__(self) -> int:
        return count()


class Properties(Exception):
    """Every attribute that Python, the SDK or Enginel reads of an exception."""

    message = detail = details = severity = default_code = error_fingerprint = property(lambda self: count())


class AnyAttribute(Exception):
    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name, count())


def with_attributes(**attributes: Any) -> Exception:
    error = ValueError("broken")
    vars(error).update(attributes)
    return error


def syntax_error() -> Exception:
    error = SyntaxError("broken")
    error.msg = lazy(lambda: str(count()), str)()
    return error


MADE: dict[str, Callable[[], Exception]] = {
    "properties": lambda: Properties("broken"),
    "any attribute": lambda: AnyAttribute("broken"),
    "a proxy of a mapping": lambda: ValueError(MappingProxyType(Names())),
    "a queryset as detail": lambda: with_attributes(detail=User.objects.all()),
    "a list of querysets as message": lambda: with_attributes(message=[User.objects.all()]),
    "a lazy object as details": lambda: with_attributes(details=SimpleLazyObject(count)),
    "a counting dict as details": lambda: with_attributes(details=Listed(a=1)),
    "counting bytes in details": lambda: with_attributes(details={"a": CountedBytes(b"abc")}),
    "notes that are no text": lambda: with_attributes(__notes__=["a note", User.objects.all()]),
    "notes of a class of its own": lambda: with_attributes(__notes__=[CountedText("a note")]),
    "a queryset as its fingerprint": lambda: with_attributes(error_fingerprint=User.objects.all()),
    "a method as its fingerprint": lambda: with_attributes(error_fingerprint=lambda: [str(count())]),
    "a lazy object as its fingerprint": lambda: with_attributes(error_fingerprint=SimpleLazyObject(count)),
    "a lazy message of a syntax error": syntax_error,
}


@pytest.mark.parametrize("make", MADE.values(), ids=MADE.keys())
def test_an_exception_is_recorded_and_sent_without_a_query(
    transport: Collecting, make: Callable[[], Exception]
) -> None:
    with no_queries():
        try:
            raise make()
        except Exception as error:
            record = ErrorTracker.log_error(error)

    assert record["event_id"]
    assert len(transport.events) == 1


@pytest.mark.parametrize("make", MADE.values(), ids=MADE.keys())
def test_what_led_to_a_failure_is_described_without_a_query(
    transport: Collecting, make: Callable[[], Exception]
) -> None:
    with no_queries():
        try:
            raise LookupError("what it means") from make()
        except LookupError as error:
            ErrorTracker.log_error(error)

    assert len(transport.events) == 1


def test_a_user_that_is_a_proxy_of_a_mapping_does_not_lose_the_record() -> None:
    with no_queries():
        record = ErrorTracker.log_error(ValueError("broken"), user_id=MappingProxyType(Names()))

    assert record["event_id"]
