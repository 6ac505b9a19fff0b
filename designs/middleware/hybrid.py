"""What the middlewares share: each serves sync and async stacks alike.

One sync-only middleware in the stack would cost every ASGI request a thread switch (some 300 µs). Django hands
exceptions to no middleware's ``__call__``: each layer turns them into responses, so what is seen here are responses.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

__all__ = ["Hybrid", "method_of", "route_of"]

GetResponse = Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
UNRESOLVED = "<unresolved>"
"""Route of a request that no URL pattern takes: its path is whatever a client thinks of."""


class Hybrid:
    """A middleware for sync and async stacks.

    Whoever serves each request in a microsecond says what it does in ``__call__`` and ``_acall``; to call one method
    before and one after would cost as much again.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response: Any = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        raise NotImplementedError


def route_of(request: HttpRequest) -> str:
    """Return the URL pattern that took the request, never the path itself."""
    match = request.resolver_match
    return match.route if match is not None and match.route else UNRESOLVED


def method_of(request: HttpRequest) -> str:
    """Return the method; ``OTHER`` for one that HTTP does not know."""
    method = request.method
    return method if method in _METHODS else "OTHER"
