"""Base class of the API views: authentication, JSON bodies, and errors of unreadable bodies."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from rest_framework.exceptions import APIException, ParseError
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from designs.access.authentication import SessionAuthentication, TokenAuthentication
from designs.http.parsers import UNREADABLE_BODY_ERRORS, JSONParser
from designs.http.request_bodies import discard_body, refusal_of

__all__ = ["WorkloadView"]


class WorkloadView(APIView):
    """View for authenticated users that accepts JSON and answers unreadable bodies with 4xx."""

    authentication_classes = [TokenAuthentication, SessionAuthentication]
    permission_classes = [IsAuthenticated]
    parser_classes = [JSONParser]

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        # A client may name any codec of Python; "base64" and "undefined" would break Django's query and form parsing.
        request.encoding = "utf-8"
        return super().initialize_request(request, *args, **kwargs)

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, UNREADABLE_BODY_ERRORS):
            unreadable: APIException = ParseError(
                "The body of this request cannot be read: it is cut, malformed or has too many parts."
            )
            if (refusal := refusal_of(exc)) is not None:
                unreadable = APIException(refusal.detail, refusal.code)
                unreadable.status_code = refusal.status_code
            unreadable.__cause__ = exc
            exc = unreadable
        response = super().handle_exception(exc)
        discard_body(self.request._request)  # noqa: SLF001  # DRF offers no public name
        return response
