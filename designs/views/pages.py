"""Security headers of the HTML pages: no scripts, no foreign resources, no caching."""

from __future__ import annotations

from typing import TypeVar

from django.http import HttpResponse

__all__ = ["CONTENT_SECURITY_POLICY", "sealed"]

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_Response = TypeVar("_Response", bound=HttpResponse)


def sealed(response: _Response) -> _Response:
    """Set the headers that forbid scripts, foreign resources, framing and caching; return the response."""
    response["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "same-origin"
    response["X-Content-Type-Options"] = "nosniff"
    return response
