"""OpenAPI: the error body, the responses of each exception, and how to log in."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import OpenApiExample, OpenApiResponse
from rest_framework import serializers
from rest_framework.exceptions import APIException, NotAuthenticated

__all__ = ["ErrorSerializer", "SessionScheme", "TokenScheme", "error_responses"]


class ErrorSerializer(serializers.Serializer[dict[str, Any]]):
    """The body of every error."""

    detail = serializers.JSONField(help_text="Text; for refused form fields an object of lists of texts.")
    code = serializers.CharField()
    error_id = serializers.CharField(allow_null=True, help_text="Id of the record; null if the error is not recorded.")
    field = serializers.CharField(required=False, help_text="The request field at fault, where one is known.")
    reason = serializers.CharField(required=False, help_text="Reason why a file is at fault, from a closed list.")
    stage = serializers.CharField(required=False, help_text="Stage at which the file failed.")
    line = serializers.IntegerField(required=False, help_text="Line of the file, if known.")
    entity = serializers.CharField(required=False, help_text="The entity's number, such as #12.")
    section = serializers.CharField(required=False, help_text="The section of the file.")
    limit = serializers.IntegerField(required=False, help_text="The limit that the file exceeds.")
    hint = serializers.CharField(required=False, help_text="Advice: where to look and what to do.")


def error_responses(*kinds: type[APIException]) -> dict[int, OpenApiResponse]:
    """Return the documentation of responses for these exceptions, one per HTTP status."""
    by_status: dict[int, list[type[APIException]]] = defaultdict(list)
    every: list[type[APIException]] = [NotAuthenticated, *kinds]
    for kind in every:
        by_status[kind.status_code].append(kind)
    return {status: _response(grouped) for status, grouped in sorted(by_status.items())}


def _response(kinds: list[type[APIException]]) -> OpenApiResponse:
    examples = [
        OpenApiExample(
            kind.default_code,
            value={"detail": str(kind.default_detail), "code": kind.default_code, "error_id": None},
        )
        for kind in kinds
    ]
    return OpenApiResponse(
        ErrorSerializer, description=", ".join(f"`{kind.default_code}`" for kind in kinds), examples=examples
    )


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # its registration has no types
    target_class = "designs.access.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "The token of POST /api/auth/login/."}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # its registration has no types
    target_class = "designs.access.authentication.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": "sessionid",
            "description": "The session of the admin; writing needs the header X-CSRFToken too.",
        }
