"""Exceptions of a chain and its groups, in the order of the SDK."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

__all__ = ["in_sdk_order"]


def in_sdk_order(exc: BaseException, most: int) -> list[BaseException]:
    """Return at most ``most`` exceptions of a chain, outermost first."""
    return list(islice(_in_order(exc), most))


def _in_order(exc: BaseException) -> Iterator[BaseException]:
    if isinstance(exc, BaseExceptionGroup):
        yield from _tree(exc, set())
        return
    seen: set[int] = set()
    link: BaseException | None = exc
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = _previous(link)


def _tree(exc: BaseException, seen: set[int]) -> Iterator[BaseException]:
    if id(exc) in seen:
        return
    seen.add(id(exc))
    yield exc
    following = _previous(exc)
    if following is not None:
        yield from _tree(following, seen)
    if isinstance(exc, BaseExceptionGroup):
        for member in exc.exceptions:
            yield from _tree(member, seen)


def _previous(exc: BaseException) -> BaseException | None:
    return exc.__cause__ if exc.__suppress_context__ else exc.__context__
