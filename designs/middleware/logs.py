"""One log line a request."""

from __future__ import annotations

import logging
import time
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

    def before(self, request: HttpRequest) -> float:
        return time.perf_counter()

    def after(self, request: HttpRequest, response: HttpResponseBase, state: float) -> None:
        if not request.path.startswith(conf.request_log_prefixes) or not logger.isEnabledFor(logging.INFO):
            return
        with guarded("RequestLoggingMiddleware"):
            facts: dict[str, Any] = {
                "route": route_of(request),
                "status": response.status_code,
                "duration_ms": round((time.perf_counter() - state) * 1000, 1),
            }
            if not response.streaming:
                facts["size_bytes"] = len(response.content)  # type: ignore[attr-defined] # only streams have none
            logger.info("%s %s %s", method_of(request), request.path, response.status_code, extra=facts)
