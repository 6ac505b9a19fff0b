"""Logins of the HTTP API: a Knox token, or the session of the admin."""

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
    """``Authorization: Bearer <token>``."""

    def authenticate_credentials(self, token: bytes) -> tuple[object, object]:
        # Knox decodes whatever came and asks the database for it: UnicodeDecodeError, or ValueError on a NUL.
        if not _TOKEN.fullmatch(token):
            raise AuthenticationFailed("Invalid token.")
        return super().authenticate_credentials(token)  # type: ignore[no-any-return]


class SessionAuthentication(authentication.SessionAuthentication):
    """Session login whose CSRF token must come in the header ``X-CSRFToken``."""

    def enforce_csrf(self, request: Request) -> None:
        # Django looks into the form first, and would read a whole upload before anything is judged.
        # It does so for POST only.
        bodyless = copy.copy(request._request)  # noqa: SLF001  # DRF offers no public name
        bodyless.method = "PUT" if bodyless.method == "POST" else bodyless.method
        super().enforce_csrf(bodyless)  # type: ignore[arg-type]  # the check is Django's and takes Django's request
