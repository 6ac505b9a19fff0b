"""What the middlewares share: each serves sync and async stacks alike.

One sync-only middleware in the stack would cost every ASGI request a thread switch (some 300 µs). Django hands
exceptions to no middleware: each layer turns them into responses, so what is seen here are responses.

Each is a function that returns the function that serves a request: an object's ``__call__`` and its attributes would
cost a quarter of what they all do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.core.handlers import exception
from django.http import HttpRequest

from designs.exceptions import EnginelBaseException

__all__ = ["GetResponse", "is_async", "method_of", "ours", "route_of", "severity_of", "within"]

GetResponse = Callable[[HttpRequest], Any]
"""Gives a response, or in an async stack what is to be awaited for one."""

_OURS = "is_of_enginel"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
UNRESOLVED = "<unresolved>"
"""Route of a request that no URL pattern takes: its path is whatever a client thinks of."""


def is_async(get_response: GetResponse) -> bool:
    """Tell whether the rest of the stack wants to be awaited."""
    return bool(iscoroutinefunction(get_response))


def ours(serve: GetResponse) -> GetResponse:
    """Mark what serves a request as that of a middleware which raises nothing itself."""
    vars(serve)[_OURS] = True
    return serve


def within(get_response: GetResponse) -> GetResponse:
    """Return the rest of the stack, without the ``try`` Django puts around each middleware where that is one of ours.

    What raises further in is a response by then, and around the outermost of ours there still is one. Two of them are a
    tenth of what all our middlewares cost.
    """
    # Nobody else's wrapper is passed by, though it may have taken the mark over.
    is_djangos = getattr(get_response, "__globals__", None) is vars(exception)
    inner: GetResponse = getattr(get_response, "__wrapped__", get_response)
    return inner if is_djangos and getattr(inner, _OURS, False) else get_response


def route_of(request: HttpRequest) -> str:
    """Return the URL pattern that took the request, never the path itself; a slash for the empty pattern."""
    match = request.resolver_match
    return match.route or "/" if match is not None else UNRESOLVED


def method_of(request: HttpRequest) -> str:
    """Return the method; ``OTHER`` for one that HTTP does not know."""
    method = request.method
    return method if method in _METHODS else "OTHER"


def severity_of(exc: BaseException) -> str:
    """Return the severity an exception of Enginel states, ERROR for any other."""
    return exc.severity if isinstance(exc, EnginelBaseException) else "ERROR"
