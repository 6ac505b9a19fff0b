"""Middleware for errors and request logs, sync and async alike, and the receiver for unhandled exceptions.

One sync-only middleware in the stack would cost every ASGI request a thread switch (some 300 µs), so all of ours are
both. Django hands exceptions to no middleware's ``__call__``: each layer turns them into responses, so what is seen
here are responses.
"""

from __future__ import annotations

import logging
import sys
import time
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from typing import Any, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import FileResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.functional import LazyObject

from designs import context
from designs.exceptions import EnginelBaseException
from designs.handlers import mark_handled
from designs.monitoring import ErrorTracker, guarded

__all__ = ["ErrorTrackingMiddleware", "RequestLoggingMiddleware", "record_unhandled"]

REQUEST_ID_HEADER = "X-Request-ID"

logger = logging.getLogger("enginel.requests")

GetResponse = Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]
_PATH_MAX_CHARS = 512


class _Hybrid:
    """A middleware with ``before`` and ``after`` that serves sync and async stacks."""

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


class ErrorTrackingMiddleware(_Hybrid):
    """Outermost: gives the request its id and context, and records a 5xx that nobody else has seen to."""

    def before(self, request: HttpRequest) -> None:
        request.enginel_request_id = context.accept_request_id(request.headers.get(REQUEST_ID_HEADER))  # type: ignore[attr-defined]
        # Set, not bound and restored: a streaming body runs after this, and every request sets its own.
        context.start(
            context.RunContext(
                request_id=request.enginel_request_id,  # type: ignore[attr-defined]
                method=request.method or "",
                path=request.path[:_PATH_MAX_CHARS],
            ),
            # Weak, so that an idle thread does not keep its last request, body and all.
            identify=partial(_user_id, weakref.ref(request)),
        )

    def after(self, request: HttpRequest, response: HttpResponseBase, state: None) -> None:
        response[REQUEST_ID_HEADER] = request.enginel_request_id  # type: ignore[attr-defined]
        if response.status_code >= 500 and not getattr(request, "enginel_handled", False):
            with guarded("ErrorTrackingMiddleware"):
                ErrorTracker.log_error(
                    f"{request.method} answered {response.status_code} without an exception",
                    {"status": response.status_code, "reason": response.reason_phrase},
                    source="http",
                )
        # A file has no code of ours in it, and an iterator around it would cost the server its sendfile.
        if isinstance(response, StreamingHttpResponse) and not isinstance(response, FileResponse):
            _watch(response)


class RequestLoggingMiddleware(_Hybrid):
    """One log line a request: method, path, status, duration, user."""

    def before(self, request: HttpRequest) -> float:
        return time.perf_counter()

    def after(self, request: HttpRequest, response: HttpResponseBase, state: float) -> None:
        with guarded("RequestLoggingMiddleware"):
            logger.info(
                "%s %s %s",
                request.method,
                request.path,
                response.status_code,
                extra={
                    "status": response.status_code,
                    "duration_ms": round((time.perf_counter() - state) * 1000, 1),
                },
            )


def _user_id(request_ref: weakref.ref[HttpRequest]) -> str:
    """Return the signed-in user's id, without asking the database for it."""
    facts = getattr(request_ref(), "__dict__", {})
    # Sessions resolve request.user lazily, with a query; what nobody asked for so far stays unknown.
    users = (facts.get("user"), facts.get("_cached_user"))
    pks = (getattr(user, "pk", None) for user in users if not issubclass(type(user), LazyObject))
    return next((str(pk) for pk in pks if pk is not None), "")


def _watch(response: StreamingHttpResponse) -> None:
    body = response.streaming_content
    if isinstance(body, AsyncIterator):
        response.streaming_content = _awatched(body)
    else:
        response.streaming_content = _watched(body)


def _watched(body: Iterator[bytes]) -> Iterator[bytes]:
    """Pass a streaming body on, and record what it raises: by then Django has sent its 200 and looks no more."""
    try:
        yield from body
    except Exception as exc:
        _record_stream(exc)
        raise


async def _awatched(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    try:
        async for chunk in body:
            yield chunk
    except Exception as exc:
        _record_stream(exc)
        raise


def _record_stream(exc: Exception) -> None:
    with guarded("streaming"):
        ErrorTracker.log_error(exc, {"status": 200, "streaming": True}, severity=_severity(exc), source="http")


def _severity(exc: BaseException) -> str:
    return exc.severity if isinstance(exc, EnginelBaseException) else "ERROR"


def record_unhandled(sender: object, request: HttpRequest | None = None, **kwargs: object) -> None:
    """Receiver of ``got_request_exception``: every exception Django turns into a 500."""
    exc = sys.exc_info()[1]
    if exc is None or request is None:
        return
    with guarded("record_unhandled"):
        facts = {"status": 500, "method": request.method}
        record = ErrorTracker.log_error(exc, facts, severity=_severity(exc), source="http")
        mark_handled(request, record.get("event_id"))
