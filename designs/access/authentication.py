"""Authentication of the HTTP API: a Knox token, or the session of the admin site."""

from __future__ import annotations

import copy
import re

from knox.auth import TokenAuthentication as KnoxTokenAuthentication
from rest_framework import authentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

__all__ = ["SessionAuthentication", "TokenAuthentication"]

_TOKEN = re.compile(rb"[!-~]{1,256}")


class TokenAuthentication(KnoxTokenAuthentication):  # type: ignore[misc]  # knox has no types
    """Authentication by the header ``Authorization: Bearer <token>``."""

    def authenticate_credentials(self, token: bytes) -> tuple[object, object]:
        # Knox decodes any bytes and queries the database: UnicodeDecodeError, or ValueError for a NUL.
        if not _TOKEN.fullmatch(token):
            raise AuthenticationFailed("Invalid token.")
        return super().authenticate_credentials(token)  # type: ignore[no-any-return]


class SessionAuthentication(authentication.SessionAuthentication):
    """Authentication by session; the CSRF token must be in the header ``X-CSRFToken``."""

    def enforce_csrf(self, request: Request) -> None:
        # For POST, Django looks for the token in the form first, and would read a whole upload before any check.
        bodyless = copy.copy(request._request)  # noqa: SLF001  # DRF offers no public name
        bodyless.method = "PUT" if bodyless.method == "POST" else bodyless.method
        super().enforce_csrf(bodyless)  # type: ignore[arg-type]  # Django's check takes Django's request
