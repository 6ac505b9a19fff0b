"""Refusal of request bodies that arrive too slowly or are too large, before they are read in full."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import BadRequest, RequestDataTooBig
from django.http import HttpRequest

__all__ = [
    "ANONYMOUS_MAX_BYTES",
    "DISCARD_MAX_BYTES",
    "DISCARD_MAX_SECONDS",
    "BodyRefused",
    "BodyTooLarge",
    "BodyTooSlow",
    "LoginNotJudged",
    "claims_login",
    "discard_body",
    "has_user",
    "refusal_of",
    "use_login_check",
]

ANONYMOUS_MAX_BYTES = 64 * 1024
"""Largest body of a request without a valid login."""
DISCARD_MAX_BYTES = 64 * 1024 * 1024
DISCARD_MAX_SECONDS = 5.0
_CHUNK_BYTES = 64 * 1024
_login_checks: list[Callable[[HttpRequest], bool]] = []


class BodyRefused(BadRequest):
    """The server does not read the rest of the body; the connection cannot be reused."""

    status_code = 400
    code = "bad_request"
    detail = "The body of this request cannot be read."


class BodyTooSlow(BodyRefused):
    """The client sends slower than the service requires, or too many slow clients are connected."""

    status_code = 408
    code = "request_timeout"
    detail = "The body of this request arrives too slowly."


class BodyTooLarge(BodyRefused):
    """The client is not authenticated and the body exceeds the limit of anonymous requests."""

    status_code = 413
    code = "request_too_large"
    detail = f"The body of a request without authentication may have at most {ANONYMOUS_MAX_BYTES} bytes."


class BodyBeyondMemory(BodyRefused):
    """The body is not an upload and is too large for memory."""

    status_code = 413
    code = "request_too_large"
    detail = "The body of this request is too large."


def claims_login(request: HttpRequest) -> bool:
    """Return whether a request has a token or a session, valid or not."""
    return "HTTP_AUTHORIZATION" in request.META or settings.SESSION_COOKIE_NAME in request.COOKIES


def use_login_check(check: Callable[[HttpRequest], bool]) -> None:
    """Register the login check. It needs the models, and Django loads them after this module."""
    _login_checks[:] = [check]


def has_user(request: HttpRequest) -> bool:
    """Return whether a request has a valid login. Queries the database if it has a token or a session."""
    return claims_login(request) and any(check(request) for check in _login_checks)


def refusal_of(exc: Exception) -> BodyRefused | None:
    """Return the refusal for an exception of body reading; None for any other exception."""
    if isinstance(exc, RequestDataTooBig):
        return BodyBeyondMemory()
    return exc if isinstance(exc, BodyRefused) else None


class LoginNotJudged(BodyRefused):
    """The login cannot be checked now, and the body exceeds the limit of anonymous requests."""

    status_code = 503
    code = "external_service_error"
    detail = "The login of this request cannot be checked now. Try again later."


def discard_body(request: HttpRequest) -> None:
    """Read and discard the rest of a refused body, within limits of size and time.

    Closing a connection with unread data resets it, and the client would see the reset instead of the response.
    """
    # A blocked read must end at the deadline too. WSGI has no timeouts, but gunicorn exposes its socket.
    connection = request.META.get("gunicorn.socket")
    timeout = connection.gettimeout() if connection is not None else None
    deadline = time.monotonic() + DISCARD_MAX_SECONDS
    # Discarded bodies are exempt from the size limit of anonymous requests.
    request.discards_body = True  # type: ignore[attr-defined]
    left = DISCARD_MAX_BYTES
    try:
        while left > 0 and (seconds := deadline - time.monotonic()) > 0:
            if connection is not None:
                connection.settimeout(seconds)
            chunk = request.read(min(_CHUNK_BYTES, left))
            if not chunk:
                return
            left -= len(chunk)
    except (BodyRefused, OSError, ValueError):
        # The client disconnected or is too slow, or the body is closed already.
        return
    finally:
        if connection is not None:
            connection.settimeout(timeout)
