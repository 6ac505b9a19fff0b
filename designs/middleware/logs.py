"""One log line a request."""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from time import perf_counter
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from designs.conf import conf
from designs.middleware.hybrid import Hybrid, method_of, route_of
from designs.monitoring import guarded

__all__ = ["RequestLoggingMiddleware"]

logger = logging.getLogger("enginel.requests")


class RequestLoggingMiddleware(Hybrid):
    """Logs method, route, status, duration and size; user, path and request id come with every line.

    Of the paths below `conf.request_log_prefixes` only: probes and static files would drown the rest.
    """

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self._acall(request)
        began = perf_counter()
        response: HttpResponseBase = self.get_response(request)
        _log(request, response, perf_counter() - began)
        return response

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        began = perf_counter()
        response: HttpResponseBase = await self.get_response(request)
        _log(request, response, perf_counter() - began)
        return response


def _log(request: HttpRequest, response: HttpResponseBase, seconds: float) -> None:
    if not request.path.startswith(conf.request_log_prefixes) or not logger.isEnabledFor(logging.INFO):
        return
    with guarded("RequestLoggingMiddleware"):
        facts: dict[str, Any] = {
            "route": route_of(request),
            "status": response.status_code,
            "duration_ms": round(seconds * 1000, 1),
        }
        if not response.streaming:
            facts["size_bytes"] = len(response.content)  # type: ignore[attr-defined] # only streams have none
        args = (method_of(request), request.path, response.status_code)
        # Not logger.info(): it would walk the stack for the line that calls it, and that is always this one.
        logger.handle(logger.makeRecord(logger.name, logging.INFO, __file__, 0, "%s %s %s", args, None, extra=facts))
