"""Request context and error tracking: the outermost middleware, and the receiver for unhandled exceptions."""

from __future__ import annotations

import sys
from typing import Any, cast
from weakref import ref

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware
from django.utils.functional import LazyObject
from django.utils.log import log_response

from designs.context import UserId, accept_request_id, current_state, request_ids, start_request, start_with
from designs.http.error_responses import mark_handled
from designs.middleware.stack import GetResponse, is_async, method_of, ours, route_of, severity_of, within
from designs.middleware.streams import watch_stream
from designs.monitoring import ErrorTracker, guarded, record_answer

__all__ = ["ErrorTrackingMiddleware", "record_unhandled"]

REQUEST_ID_HEADER = "X-Request-ID"


@sync_and_async_middleware
def ErrorTrackingMiddleware(get_response: GetResponse) -> GetResponse:
    """Set the id and context of a request, and record a 5xx response that is not yet recorded. Outermost."""
    get_response = within(get_response)
    if is_async(get_response):

        async def aserve(request: HttpRequest) -> Any:
            offered_id = request.META.get("HTTP_X_REQUEST_ID")
            outer = current_state()
            request_id = start_request(offered_id, request.method, request.path, ref(request), _user_id)
            try:
                response = await get_response(request)
                response[REQUEST_ID_HEADER] = request_id
                if response.status_code >= 400 or response.streaming:
                    _finish_response(request, response)
                return response
            finally:
                start_with(outer)

        return ours(aserve)

    def serve(request: HttpRequest) -> Any:
        offered_id = request.META.get("HTTP_X_REQUEST_ID")
        outer = current_state()
        # `start_request` inlined, to save the call.
        request_id = accept_request_id(offered_id) if offered_id else f"{request_ids.prefix}{next(request_ids.numbers)}"
        start_with((request_id, request.method, request.path, ref(request), _user_id))
        try:
            response = get_response(request)
            try:
                # Django takes four times as long to set a header, since it checks the text; this is plain ASCII.
                response.headers._store["x-request-id"] = (REQUEST_ID_HEADER, request_id)  # noqa: SLF001
            except AttributeError:
                response[REQUEST_ID_HEADER] = request_id
            if response.status_code >= 400 or response.streaming:
                _finish_response(request, response)
            return response
        finally:
            # The thread's next work does not belong to this request.
            start_with(outer)

    return ours(serve)


def _finish_response(request: HttpRequest, response: HttpResponseBase) -> None:
    if response.status_code >= 500 and not getattr(request, "enginel_handled", False):
        with guarded("ErrorTrackingMiddleware"):
            failure_id = record_answer(
                request,
                method=method_of(request),
                route=route_of(request),
                status=response.status_code,
                reason=response.reason_phrase,
            )
            mark_handled(request, failure_id or None)
    if response.status_code >= 400:
        # Django would log this line after the context has ended; it logs each response only once.
        log_response(
            "%s: %s", response.reason_phrase, request.path, response=cast("HttpResponse", response), request=request
        )
    if response.streaming:
        watch_stream(response)


def _user_id(request: HttpRequest | None) -> UserId:
    """Return the signed-in user's id without a database query; empty if it is unknown or the request is gone."""
    facts = getattr(request, "__dict__", {})
    for name in ("user", "_cached_user"):
        user = facts.get(name)
        # Sessions resolve request.user lazily, with a query; an unresolved user stays unknown.
        if user is not None and not issubclass(type(user), LazyObject):
            pk = getattr(user, "pk", None)
            if pk is not None:
                return pk if type(pk) is int else str(pk)
    return ""


def record_unhandled(sender: object, request: HttpRequest | None = None, **kwargs: object) -> None:
    """Record an exception that Django turns into a 500; receiver of ``got_request_exception``."""
    exc = sys.exc_info()[1]
    if exc is None or request is None:
        return
    with guarded("record_unhandled"):
        facts = {"status": 500, "method": request.method}
        record = ErrorTracker.log_error(exc, facts, severity=severity_of(exc), source="http")
        mark_handled(request, record.get("event_id"))
