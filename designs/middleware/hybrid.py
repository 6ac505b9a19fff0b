"""What the middlewares share: each serves sync and async stacks alike.

One sync-only middleware in the stack would cost every ASGI request a thread switch (some 300 µs). Django hands
exceptions to no middleware's ``__call__``: each layer turns them into responses, so what is seen here are responses.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

__all__ = ["Hybrid", "method_of", "route_of"]

GetResponse = Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
UNRESOLVED = "<unresolved>"
"""Route of a request that no URL pattern takes: its path is whatever a client thinks of."""


class Hybrid:
    """A middleware with ``before`` and ``after``, neither of which may raise."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self._acall(request)
        state = self.before(request)
        response = cast("HttpResponseBase", self.get_response(request))
        self.after(request, response, state)
        return response

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        state = self.before(request)
        response = await cast("Awaitable[HttpResponseBase]", self.get_response(request))
        self.after(request, response, state)
        return response

    def before(self, request: HttpRequest) -> Any:
        raise NotImplementedError

    def after(self, request: HttpRequest, response: HttpResponseBase, state: Any) -> None:
        raise NotImplementedError


def route_of(request: HttpRequest) -> str:
    """Return the URL pattern that took the request, never the path itself."""
    match = request.resolver_match
    return match.route if match is not None and match.route else UNRESOLVED


def method_of(request: HttpRequest) -> str:
    """Return the method; ``OTHER`` for one that HTTP does not know."""
    method = request.method
    return method if method in _METHODS else "OTHER"
