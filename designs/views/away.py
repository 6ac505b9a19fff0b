"""The answer of a monitoring endpoint whose store does not answer: 503, never zeros or an empty list."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, JsonResponse

from designs.exceptions import ExternalServiceError
from designs.http.error_responses import error_response, mark_handled

__all__ = ["store_away"]


def store_away(request: HttpRequest, what: str, **known: Any) -> JsonResponse:
    """Return 503 with the error body.

    Args:
        request: Of Django or of REST framework. Its answer is not recorded: reading errors must not make more of them.
        what: Plural noun of what cannot be read.
        known: Further keys: what is known without Redis, ``this_process`` for what this process alone knows.
    """
    request = getattr(request, "_request", request)
    mark_handled(request, None)
    detail = f"The {what} are unknown: Redis does not answer. Try again later."
    response = error_response(request, 503, detail, ExternalServiceError.default_code, **known)
    response.headers["Retry-After"] = "1"
    response.headers["Cache-Control"] = "no-store"
    return response
