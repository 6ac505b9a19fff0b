"""Endpoints of recorded errors and error groups, for admins."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import JsonResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import NotFound, PermissionDenied, ValidationError
from rest_framework.permissions import IsAdminUser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from designs.exceptions import ExternalServiceError
from designs.groups import KEY, STATES, all_groups, find_group
from designs.monitoring import SEVERITIES, ErrorTracker, StoreAway, known_errors, known_key
from designs.schema import error_responses
from designs.sentry_links import with_issue_link
from designs.views.away import store_away

__all__ = ["ErrorListView", "GroupListView", "GroupView"]

_LIMIT_MAX = 100


class Query(serializers.Serializer[Any]):
    """Query parameters of a list. Unknown parameters are refused, so that a misspelt filter is noticed."""

    limit = serializers.IntegerField(min_value=1, max_value=_LIMIT_MAX, default=50)
    severity = serializers.ChoiceField(choices=SEVERITIES, required=False)
    type = serializers.CharField(max_length=200, required=False)
    since = serializers.DateTimeField(required=False)
    release = serializers.CharField(max_length=200, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        unknown = sorted(set(self.initial_data) - set(self.fields))
        if unknown:
            raise serializers.ValidationError({name[:50]: "Unknown filter." for name in unknown[:5]})
        return attrs


class ErrorQuery(Query):
    fingerprint = serializers.RegexField(KEY, required=False)


class GroupQuery(Query):
    state = serializers.ChoiceField(choices=STATES, required=False)


@extend_schema_field({"oneOf": [{"type": "integer"}, {"type": "string"}]})
class UserIdField(serializers.JSONField):
    """Primary key of a user: a number if the key is numeric, else a string."""


class ErrorRecord(serializers.Serializer[Any]):
    """One recorded occurrence of an error."""

    event_id = serializers.CharField()
    timestamp = serializers.DateTimeField()
    error_type = serializers.CharField(help_text="class name without module; message for a plain message")
    error_module = serializers.CharField(help_text="module of the class; empty for a plain message")
    error_message = serializers.CharField()
    severity = serializers.ChoiceField(choices=SEVERITIES)
    user_id = UserIdField(allow_null=True)
    request_path = serializers.CharField(allow_null=True)
    request_id = serializers.CharField()
    task = serializers.CharField()
    release = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment] # the serializer base uses this name too
    fingerprint = serializers.CharField()
    occurrences = serializers.IntegerField()
    traceback = serializers.CharField()
    context = serializers.DictField()  # type: ignore[assignment] # likewise
    sentry_url = serializers.CharField(required=False, help_text="its issue, where an address of Sentry is set")


class ErrorList(serializers.Serializer[Any]):
    count = serializers.IntegerField()
    errors = ErrorRecord(many=True)  # type: ignore[assignment]


class ReasonCount(serializers.Serializer[Any]):
    reason = serializers.CharField(help_text="reason of the failure; other for reasons beyond the first 32")
    count = serializers.IntegerField(help_text="occurrences with this reason")


class Group(serializers.Serializer[Any]):
    """All occurrences with one fingerprint."""

    fingerprint = serializers.CharField()
    type = serializers.CharField(help_text="class name without module; message for a plain message")
    module = serializers.CharField(help_text="module of the class; empty for a plain message")
    message = serializers.CharField()
    severity = serializers.ChoiceField(choices=SEVERITIES)
    state = serializers.CharField(help_text="new, ongoing, resolved or regressed")
    total = serializers.IntegerField(help_text="occurrences")
    users = serializers.IntegerField(allow_null=True, help_text="distinct users; null if users are not counted")
    pending = serializers.IntegerField(help_text="occurrences that the next event of the group reports to Sentry")
    reasons = ReasonCount(many=True, help_text="reasons of the occurrences, the most frequent first")
    site = serializers.CharField()
    releases = serializers.ListField(child=serializers.CharField(), help_text="releases with occurrences, oldest first")
    why = serializers.ListField(child=serializers.CharField(), help_text="components of the fingerprint")
    first_seen = serializers.DateTimeField(allow_null=True)
    last_seen = serializers.DateTimeField(allow_null=True)
    last_event_id = serializers.CharField()
    sentry_url = serializers.CharField(required=False, help_text="its issue, where an address of Sentry is set")


class GroupList(serializers.Serializer[Any]):
    count = serializers.IntegerField()
    groups = Group(many=True)


class RelatedGroup(serializers.Serializer[Any]):
    fingerprint = serializers.CharField()
    type = serializers.CharField()
    module = serializers.CharField()
    total = serializers.IntegerField()


class GroupDetail(Group):
    """One group with all details."""

    traceback = serializers.CharField(help_text="traceback of one occurrence")
    minutes = serializers.ListField(
        child=serializers.ListField(child=serializers.JSONField(), min_length=2, max_length=2),
        help_text="[minute, occurrences] for the minutes of the last 24 hours with occurrences",
    )
    joined = serializers.ListField(
        child=serializers.CharField(), help_text="other fingerprints merged into this group by an alias"
    )
    related = RelatedGroup(many=True, help_text="other groups with the same site")


_FILTERS = [
    OpenApiParameter("limit", int, description="1 to 100, default 50"),
    OpenApiParameter("severity", str, enum=list(SEVERITIES)),
    OpenApiParameter("type", str, description="qualified or bare type name"),
    OpenApiParameter("since", str, description="ISO 8601 moment"),
    OpenApiParameter("release", str, description="release of an occurrence"),
]


class ErrorListView(APIView):
    """The newest errors of the last hour."""

    permission_classes = [IsAdminUser]

    @extend_schema(
        summary="The newest errors",
        tags=["monitoring"],
        parameters=[*_FILTERS, OpenApiParameter("fingerprint", str)],
        responses={200: ErrorList, **error_responses(ValidationError, PermissionDenied, ExternalServiceError)},
    )
    def get(self, request: Request) -> Response | JsonResponse:
        wanted = _validated_query(ErrorQuery, request)
        try:
            found = known_errors(_LIMIT_MAX)
            if "fingerprint" in wanted:
                return Response(_listed(found, {**wanted, "fingerprint": known_key(wanted["fingerprint"])}))
            return Response(_listed(found, wanted))
        except StoreAway:
            own = _listed(ErrorTracker.get_recent_errors(_LIMIT_MAX), wanted)
            return store_away(request, "errors", this_process=own)


class GroupListView(APIView):
    """Groups of errors, most recently seen first."""

    permission_classes = [IsAdminUser]

    @extend_schema(
        operation_id="monitoring_groups_list",
        summary="Groups of errors",
        tags=["monitoring"],
        parameters=[*_FILTERS, OpenApiParameter("state", str, enum=list(STATES))],
        responses={200: GroupList, **error_responses(ValidationError, PermissionDenied, ExternalServiceError)},
    )
    def get(self, request: Request) -> Response:
        wanted = _validated_query(GroupQuery, request)
        found = [
            group
            for group in all_groups()
            if _matches(group, wanted, type_name=group["type"], module=group["module"], moment=group["last_seen"])
        ]
        groups = found[: wanted["limit"]]
        return Response({"count": len(groups), "groups": groups})


class GroupView(APIView):
    """One group of errors."""

    permission_classes = [IsAdminUser]

    @extend_schema(
        summary="One group of errors",
        tags=["monitoring"],
        responses={200: GroupDetail, **error_responses(PermissionDenied, NotFound, ExternalServiceError)},
    )
    def get(self, request: Request, key: str) -> Response:
        group = find_group(key)
        if group is None:
            raise NotFound("No such group.")
        return Response(group)


def _listed(errors: list[dict[str, Any]], wanted: dict[str, Any]) -> dict[str, Any]:
    found = [
        error
        for error in errors
        if _matches(
            error, wanted, type_name=error["error_type"], module=error["error_module"], moment=error["timestamp"]
        )
    ]
    shown = [{**error, **with_issue_link(error["fingerprint"])} for error in found[: wanted["limit"]]]
    return {"count": len(shown), "errors": shown}


def _validated_query(kind: type[Query], request: Request) -> dict[str, Any]:
    query = kind(data=request.query_params.dict())
    query.is_valid(raise_exception=True)
    asked: dict[str, Any] = query.validated_data
    return asked


def _matches(row: dict[str, Any], wanted: dict[str, Any], *, type_name: str, module: str, moment: str | None) -> bool:
    if any(name in wanted and row[name] != wanted[name] for name in ("severity", "fingerprint", "state")):
        return False
    if "type" in wanted and wanted["type"] not in (type_name, f"{module}.{type_name}"):
        return False
    if "release" in wanted and wanted["release"] not in row.get("releases", [row.get("release")]):
        return False
    return "since" not in wanted or (moment is not None and datetime.fromisoformat(moment) >= wanted["since"])
