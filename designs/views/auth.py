"""Login and logout: tokens of the API, and the login page of the admin site."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth import authenticate, logout
from django.contrib.auth.signals import user_logged_in
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods
from drf_spectacular.utils import extend_schema
from knox.models import get_token_model
from knox.settings import knox_settings
from rest_framework import status
from rest_framework.exceptions import AuthenticationFailed, ParseError, Throttled
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from designs.access.login_limit import TooManyLogins, count_login_try
from designs.access.permissions import require_user
from designs.schema import error_responses
from designs.serializers import LoginSerializer, TokenSerializer
from designs.views.api import WorkloadView

__all__ = ["LoginView", "LogoutView", "admin_login", "admin_password_change"]


@require_http_methods(["GET", "HEAD", "POST"])
def admin_login(request: HttpRequest) -> HttpResponse:
    """Serve the login page of the admin site, with the same limit of login attempts as the API."""
    # Django redirects a signed-in user on GET only, and would answer HEAD with the form.
    if request.method == "HEAD" and admin.site.has_permission(request):
        return HttpResponseRedirect(reverse("admin:index"))
    if request.method == "POST":
        refused = _refuse_attempt(request, request.POST.get("username", ""))
        if refused is not None:
            return refused
    return admin.site.login(request)


@require_http_methods(["GET", "HEAD", "POST"])
def admin_password_change(request: HttpRequest) -> HttpResponse:
    """Serve the password page of the admin site; attempts at the old password count as login attempts."""
    if request.method == "POST":
        refused = _refuse_attempt(request, require_user(request.user).get_username())
        if refused is not None:
            return refused
    return admin.site.password_change(request)


def _refuse_attempt(request: HttpRequest, username: str) -> HttpResponse | None:
    try:
        count_login_try(request, username)
    except TooManyLogins as exc:
        return HttpResponse(
            f"Too many login attempts. Try again in {exc.wait_seconds} seconds.\n",
            status=exc.status_code,
            content_type="text/plain; charset=utf-8",
            headers={"Retry-After": str(exc.wait_seconds), "Cache-Control": "no-store"},
        )
    return None


class LoginView(WorkloadView):
    """Tokens expire; a wrong password and an unknown user get the same answer."""

    authentication_classes = []
    permission_classes = [AllowAny]

    def get_authenticate_header(self, request: Request) -> str:
        # DRF turns 401 into 403 if a view has no authentication header.
        return str(knox_settings.AUTH_HEADER_PREFIX)

    @extend_schema(
        summary="Get a token",
        request=LoginSerializer,
        responses={200: TokenSerializer, **error_responses(ParseError, AuthenticationFailed, Throttled)},
        auth=[],
    )
    def post(self, request: Request) -> Response:
        form = LoginSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        count_login_try(request._request, form.validated_data["username"])  # noqa: SLF001  # DRF offers no public name
        # Django hashes the password for unknown and inactive users too, so the response time reveals neither.
        user = authenticate(request._request, **form.validated_data)  # noqa: SLF001  # DRF offers no public name
        if user is None:
            raise AuthenticationFailed("Unknown user name or wrong password.")
        record, token = get_token_model().objects.create(user=user)
        user_logged_in.send(sender=type(user), request=request._request, user=user)  # noqa: SLF001
        return Response(TokenSerializer({"token": token, "expiry": record.expiry}).data)


class LogoutView(WorkloadView):
    """Ends the token or the session of this request."""

    @extend_schema(summary="Log out", request=None, responses={204: None, **error_responses()})
    def post(self, request: Request) -> Response:
        if request.auth is None:
            logout(request._request)  # noqa: SLF001  # DRF offers no public name
        else:
            request.auth.delete()
        return Response(status=status.HTTP_204_NO_CONTENT)
