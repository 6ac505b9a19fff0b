"""503 response of the monitoring endpoints while Redis is down; zeros or an empty list would be wrong."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, JsonResponse

from designs.exceptions import ExternalServiceError
from designs.http.error_responses import error_response, mark_handled

__all__ = ["store_away"]


def store_away(request: HttpRequest, what: str, **known: Any) -> JsonResponse:
    """Return 503 with the error body.

    Args:
        request: A request of Django or of REST framework. Its failure is not recorded: reads must not add errors.
        what: Plural noun for the data that cannot be read.
        known: Further keys of the body: data that needs no Redis. ``this_process`` holds the data of this process only.
    """
    request = getattr(request, "_request", request)
    mark_handled(request, None)
    detail = f"The {what} are unknown: Redis does not answer. Try again later."
    response = error_response(request, 503, detail, ExternalServiceError.default_code, **known)
    response.headers["Retry-After"] = "1"
    response.headers["Cache-Control"] = "no-store"
    return response
