"""Why the body of a request is refused before it was read in full: it arrives too slowly, or it is too large."""

from __future__ import annotations

from django.core.exceptions import BadRequest

__all__ = [
    "ANONYMOUS_MAX_BYTES",
    "DISCARD_MAX_BYTES",
    "DISCARD_MAX_SECONDS",
    "BodyRefused",
    "BodyTooLarge",
    "BodyTooSlow",
]

ANONYMOUS_MAX_BYTES = 64 * 1024
"""Largest body of a request without a user."""
DISCARD_MAX_BYTES = 64 * 1024 * 1024
DISCARD_MAX_SECONDS = 5.0


class BodyRefused(BadRequest):
    """The server does not read the rest of the body. The connection cannot be used again."""

    status_code = 400
    code = "bad_request"
    detail = "The body of this request cannot be read."


class BodyTooSlow(BodyRefused):
    """The client sends less than the service waits for, or too many clients do at once."""

    status_code = 408
    code = "request_timeout"
    detail = "The body of this request arrives too slowly."


class BodyTooLarge(BodyRefused):
    """The client is not authenticated and sends more than an anonymous request may have."""

    status_code = 413
    code = "request_too_large"
    detail = f"The body of a request without authentication may have at most {ANONYMOUS_MAX_BYTES} bytes."
