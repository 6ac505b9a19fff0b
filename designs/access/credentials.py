"""Check of a request's token or session before its body is received."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest
from rest_framework.exceptions import AuthenticationFailed

from designs.access.authentication import TokenAuthentication
from designs.access.sessions import SessionStore

__all__ = ["is_login_valid"]


def is_login_valid(request: HttpRequest) -> bool:
    """Return whether a request has a valid token or a valid session. Queries the database."""
    try:
        if TokenAuthentication().authenticate(request) is not None:
            return True
    except AuthenticationFailed:
        pass
    request.session = SessionStore(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
    return get_user(request).is_authenticated
