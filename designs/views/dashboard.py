"""Endpoints of the dashboard data and of operation durations, for admins."""

from __future__ import annotations

from typing import Any

from django.http import JsonResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import IsAdminUser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from designs.exceptions import ExternalServiceError
from designs.monitoring import ErrorTracker, HealthChecker, StoreAway, dashboard_overview, performance_overview
from designs.schema import error_responses
from designs.views.away import store_away
from designs.views.monitoring import ErrorRecord

__all__ = ["DashboardView", "PerformanceView"]

_RECENT_ERRORS = 10


class OperationStats(serializers.Serializer[Any]):
    """Durations of an operation in the last hour, in seconds; percentiles are within 1.1 %."""

    count = serializers.IntegerField()
    total_duration = serializers.FloatField()
    avg_duration = serializers.FloatField()
    max_duration = serializers.FloatField()
    min_duration = serializers.FloatField()
    error_count = serializers.IntegerField()
    error_rate = serializers.FloatField(help_text="0 to 1")
    p50 = serializers.FloatField()
    p95 = serializers.FloatField()
    p99 = serializers.FloatField()


class Performance(serializers.Serializer[Any]):
    operations = serializers.DictField(child=OperationStats(), help_text="by name")
    requests = serializers.DictField(child=OperationStats(), help_text="by method and route")


class Health(serializers.Serializer[Any]):
    """Body of /api/health/detailed/ for admins."""

    status = serializers.CharField()
    timestamp = serializers.DateTimeField()
    checks = serializers.DictField(child=serializers.DictField(), help_text="by component: status, message, ...")


class Dashboard(serializers.Serializer[Any]):
    health = Health()
    recent_errors = ErrorRecord(many=True, help_text="the newest ten")
    performance = serializers.DictField(child=OperationStats(), help_text="by operation")
    metrics = serializers.DictField(
        child=serializers.JSONField(), help_text="timestamp, and the values of /metrics by flat name"
    )


class PerformanceView(APIView):
    """Durations and failures of operations and requests in the last hour."""

    permission_classes = [IsAdminUser]

    @extend_schema(
        summary="Durations and failures of operations and requests",
        tags=["monitoring"],
        responses={200: Performance, **error_responses(PermissionDenied, ExternalServiceError)},
    )
    def get(self, request: Request) -> Response | JsonResponse:
        try:
            return Response(performance_overview())
        except StoreAway:
            return store_away(request, "measurements")


class DashboardView(APIView):
    """Health, the newest errors, operations and counters. While Redis is down: 503 with health and own errors."""

    permission_classes = [IsAdminUser]

    @extend_schema(
        summary="Overview of health, errors and performance",
        tags=["monitoring"],
        responses={200: Dashboard, **error_responses(PermissionDenied, ExternalServiceError)},
    )
    def get(self, request: Request) -> Response | JsonResponse:
        health = HealthChecker.get_full_health_status()
        try:
            return Response({"health": health, **dashboard_overview()})
        except StoreAway:
            own = {"recent_errors": ErrorTracker.get_recent_errors(_RECENT_ERRORS)}
            return store_away(request, "errors and measurements", health=health, this_process=own)
