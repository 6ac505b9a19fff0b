"""What the monitoring knows, for admins."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.permissions import IsAdminUser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from designs.monitoring import SEVERITIES, ErrorTracker

__all__ = ["ErrorListView"]

_LIMIT_MAX = 100


class ErrorQuery(serializers.Serializer[Any]):
    """Query of the error list; anything else in it is refused, so that a misspelt filter is noticed."""

    limit = serializers.IntegerField(min_value=1, max_value=_LIMIT_MAX, default=50)
    severity = serializers.ChoiceField(choices=SEVERITIES, required=False)
    type = serializers.CharField(max_length=200, required=False)
    fingerprint = serializers.RegexField(r"^\d+:[0-9a-f]{32}\Z", required=False)
    since = serializers.DateTimeField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        unknown = sorted(set(self.initial_data) - set(self.fields))
        if unknown:
            raise serializers.ValidationError({name[:50]: "Unknown filter." for name in unknown[:5]})
        return attrs


class ErrorRecord(serializers.Serializer[Any]):
    """One occurrence."""

    event_id = serializers.CharField()
    timestamp = serializers.DateTimeField()
    error_type = serializers.CharField()
    error_message = serializers.CharField()
    severity = serializers.ChoiceField(choices=SEVERITIES)
    user_id = serializers.CharField(allow_null=True)
    request_path = serializers.CharField(allow_null=True)
    request_id = serializers.CharField()
    task = serializers.CharField()
    release = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment] # a name the serializer base uses too
    fingerprint = serializers.CharField()
    occurrences = serializers.IntegerField()
    traceback = serializers.CharField()
    context = serializers.DictField()  # type: ignore[assignment] # the same


class ErrorList(serializers.Serializer[Any]):
    count = serializers.IntegerField()
    errors = ErrorRecord(many=True)  # type: ignore[assignment]


class ErrorListView(APIView):
    """The newest errors of the last hour."""

    permission_classes = [IsAdminUser]

    @extend_schema(
        tags=["monitoring"],
        parameters=[
            OpenApiParameter("limit", int, description="1 to 100, default 50"),
            OpenApiParameter("severity", str, enum=list(SEVERITIES)),
            OpenApiParameter("type", str, description="qualified or bare type name"),
            OpenApiParameter("fingerprint", str),
            OpenApiParameter("since", str, description="ISO 8601 moment"),
        ],
        responses=ErrorList,
    )
    def get(self, request: Request) -> Response:
        query = ErrorQuery(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        errors = [e for e in ErrorTracker.get_recent_errors(_LIMIT_MAX) if _matches(e, query.validated_data)]
        errors = errors[: query.validated_data["limit"]]
        return Response({"count": len(errors), "errors": errors})


def _matches(record: dict[str, Any], wanted: dict[str, Any]) -> bool:
    if "severity" in wanted and record["severity"] != wanted["severity"]:
        return False
    if "type" in wanted and wanted["type"] not in (
        record["error_type"],
        record["error_type"].rpartition(".")[2],
    ):
        return False
    if "fingerprint" in wanted and record["fingerprint"] != wanted["fingerprint"]:
        return False
    return "since" not in wanted or datetime.fromisoformat(record["timestamp"]) >= wanted["since"]
