"""What the HTML pages have in common: nothing runs in them, nothing comes from elsewhere, nobody keeps them."""

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
    """Give a page the headers that let a browser do no more than show it."""
    response["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "same-origin"
    response["X-Content-Type-Options"] = "nosniff"
    return response
