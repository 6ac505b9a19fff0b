"""The middleware that gives requests their context and sees failures nobody else saw; the receiver for the others."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any, cast
from weakref import ref

from django.http import HttpRequest
from django.http.response import FileResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.decorators import sync_and_async_middleware
from django.utils.functional import LazyObject

from designs.context import accept_request_id, request_ids, start_request, start_with
from designs.exceptions import EnginelBaseException
from designs.handlers import mark_handled
from designs.middleware.shared import GetResponse, is_async, ours, within
from designs.monitoring import ErrorTracker, guarded

__all__ = ["ErrorTrackingMiddleware", "record_unhandled"]

REQUEST_ID_HEADER = "X-Request-ID"


@sync_and_async_middleware
def ErrorTrackingMiddleware(get_response: GetResponse) -> GetResponse:
    """Outermost: gives the request its id and context, and records a 5xx that nobody else has seen to."""
    get_response = within(get_response)
    if is_async(get_response):

        async def aserve(request: HttpRequest) -> Any:
            offered_id = request.META.get("HTTP_X_REQUEST_ID")
            request_id = start_request(offered_id, request.method, request.path, ref(request), _user_id)
            response = await get_response(request)
            response[REQUEST_ID_HEADER] = request_id
            if response.status_code >= 500 or response.streaming:
                _look_after(request, response)
            return response

        return ours(aserve)

    def serve(request: HttpRequest) -> Any:
        offered_id = request.META.get("HTTP_X_REQUEST_ID")
        # What `start_request` does, without its call. Set, not bound and restored: a streaming body runs after this,
        # and every request sets its own.
        request_id = accept_request_id(offered_id) if offered_id else f"{request_ids.prefix}{next(request_ids.numbers)}"
        start_with((request_id, request.method, request.path, ref(request), _user_id))
        response = get_response(request)
        try:
            # What Django does in four times as long for names and values that may hold anything: this is plain ASCII.
            response.headers._store["x-request-id"] = (REQUEST_ID_HEADER, request_id)  # noqa: SLF001
        except AttributeError:
            response[REQUEST_ID_HEADER] = request_id
        if response.status_code >= 500 or response.streaming:
            _look_after(request, response)
        return response

    return ours(serve)


def _look_after(request: HttpRequest, response: HttpResponseBase) -> None:
    if response.status_code >= 500 and not getattr(request, "enginel_handled", False):
        with guarded("ErrorTrackingMiddleware"):
            ErrorTracker.log_error(
                f"{request.method} answered {response.status_code} without an exception",
                {"status": response.status_code, "reason": response.reason_phrase},
                source="http",
            )
    # A file has no code of ours in it, and an iterator around it would cost the server its sendfile.
    if response.streaming and not isinstance(response, FileResponse):
        _watch(cast("StreamingHttpResponse", response))


def _user_id(request: HttpRequest | None) -> str:
    """Return the signed-in user's id, without asking the database for it; of a request that is gone, none."""
    facts = getattr(request, "__dict__", {})
    for name in ("user", "_cached_user"):
        user = facts.get(name)
        # Sessions resolve request.user lazily, with a query; what nobody asked for so far stays unknown.
        if user is not None and not issubclass(type(user), LazyObject):
            pk = getattr(user, "pk", None)
            if pk is not None:
                return str(pk)
    return ""


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
