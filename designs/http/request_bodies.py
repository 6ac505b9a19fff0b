"""Why the body of a request is refused before it was read in full: it arrives too slowly, or it is too large."""

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
"""Largest body of a request without a user."""
DISCARD_MAX_BYTES = 64 * 1024 * 1024
DISCARD_MAX_SECONDS = 5.0
_CHUNK_BYTES = 64 * 1024
_login_checks: list[Callable[[HttpRequest], bool]] = []


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


class BodyBeyondMemory(BodyRefused):
    """The body is neither an upload nor small enough to be received in memory."""

    status_code = 413
    code = "request_too_large"
    detail = "The body of this request is too large."


def claims_login(request: HttpRequest) -> bool:
    """Return whether a request has a token or a session, be they valid or not."""
    return "HTTP_AUTHORIZATION" in request.META or settings.SESSION_COOKIE_NAME in request.COOKIES


def use_login_check(check: Callable[[HttpRequest], bool]) -> None:
    """Set what judges the login of a request: it needs the models, which are loaded after this module."""
    _login_checks[:] = [check]


def has_user(request: HttpRequest) -> bool:
    """Return whether a request has a valid login. Asks the database if it claims one."""
    return claims_login(request) and any(check(request) for check in _login_checks)


def refusal_of(exc: Exception) -> BodyRefused | None:
    """Return the refusal that an exception stands for; None if it stands for a malformed body or anything else."""
    if isinstance(exc, RequestDataTooBig):
        return BodyBeyondMemory()
    return exc if isinstance(exc, BodyRefused) else None


class LoginNotJudged(BodyRefused):
    """The login cannot be judged now, and the client sends more than an anonymous request may have."""

    status_code = 503
    code = "external_service_error"
    detail = "The login of this request cannot be checked now. Try again later."


def discard_body(request: HttpRequest) -> None:
    """Read the rest of a refused body and throw it away, within limits of size and time.

    A server that closes a connection with unread data resets it: the client would see that, not the answer.
    """
    # The deadline must hold while a read waits, too. WSGI has no timeouts, but gunicorn lends its socket.
    connection = request.META.get("gunicorn.socket")
    timeout = connection.gettimeout() if connection is not None else None
    deadline = time.monotonic() + DISCARD_MAX_SECONDS
    # The limit of anonymous requests is for bodies that are kept.
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
        # The client is gone, too slow, or the body was closed by its reader: there is nothing to wait for.
        return
    finally:
        if connection is not None:
            connection.settimeout(timeout)
