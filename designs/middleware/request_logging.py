"""One log line per request."""

from __future__ import annotations

import logging
from collections.abc import Callable
from os import getpid
from threading import current_thread, get_ident
from time import perf_counter, time
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

from designs.conf import conf
from designs.middleware.stack import GetResponse, is_async, method_of, ours, route_of, within
from designs.monitoring import guarded

__all__ = ["RequestLoggingMiddleware"]

logger = logging.getLogger("enginel.requests")

MakeRecord = Callable[[tuple[object, ...], dict[str, Any]], logging.LogRecord]


@sync_and_async_middleware
def RequestLoggingMiddleware(get_response: GetResponse) -> GetResponse:
    """Log method, route, status, duration and size; user, path and request id are in every line.

    Logs only paths below `conf.request_log_prefixes`: probes and static files would drown the rest.
    """
    get_response = within(get_response)
    if is_async(get_response):

        async def aserve(request: HttpRequest) -> Any:
            began = perf_counter()
            response = await get_response(request)
            _log(request, response, perf_counter() - began, _any_record)
            return response

        return ours(aserve)

    def serve(request: HttpRequest) -> Any:
        began = perf_counter()
        response = get_response(request)
        _log(request, response, perf_counter() - began, _record)
        return response

    return ours(serve)


def _log(request: HttpRequest, response: HttpResponseBase, seconds: float, make: MakeRecord) -> None:
    try:
        if not request.path.startswith(conf.request_log_prefixes) or not logger.isEnabledFor(logging.INFO):
            return
        facts: dict[str, Any] = {
            "route": route_of(request),
            "status": response.status_code,
            "duration_ms": round(seconds * 1000, 1),
        }
        if not response.streaming:
            facts["size_bytes"] = len(response.content)  # type: ignore[attr-defined] # only streams have none
        # Not logger.info(): it would search the stack for its caller, which is always this line.
        logger.handle(make((method_of(request), request.path, response.status_code), facts))
    except Exception as error:  # noqa: BLE001 - logging a request must not break it
        guarded("RequestLoggingMiddleware").__exit__(type(error), error, error.__traceback__)


def _any_record(args: tuple[object, ...], facts: dict[str, Any]) -> logging.LogRecord:
    return logger.makeRecord(logger.name, logging.INFO, __file__, 0, "%s %s %s", args, None, extra=facts)


# Without ``taskName``: the module may be imported within a coroutine.
_first: dict[str, Any] = {
    name: None if name == "taskName" else value for name, value in vars(_any_record((), {})).items()
}


def _record(args: tuple[object, ...], facts: dict[str, Any]) -> logging.LogRecord:
    """Return the same as `_any_record`, at a third of its cost; for threads without a running coroutine."""
    if logging.getLogRecordFactory() is not logging.LogRecord:
        return _any_record(args, facts)
    created = time()
    record = logging.LogRecord.__new__(logging.LogRecord)
    record.__dict__ = {
        # Most attributes are the same for every request.
        **_first,
        "args": args,
        "created": created,
        "msecs": created % 1 * 1000 // 1 + 0.0,
        "relativeCreated": _first["relativeCreated"] + (created - _first["created"]) * 1000,
        "thread": get_ident(),
        "threadName": current_thread().name,
        "process": getpid(),
        **facts,
    }
    return record
