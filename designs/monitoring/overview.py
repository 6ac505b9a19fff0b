"""Everything at a glance: health, the newest errors, operations, counters. Each part stands by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from designs.monitoring.errors import ErrorTracker
from designs.monitoring.guard import guarded
from designs.monitoring.health import HealthChecker
from designs.monitoring.metrics import MetricsCollector
from designs.monitoring.performance import PerformanceMonitor

__all__ = ["dashboard_overview", "performance_overview"]

_RECENT_ERRORS = 10


def performance_overview() -> dict[str, Any]:
    """Return ``{"operations": {name: stats}, "requests": {"METHOD route": stats}}`` of the last hour."""
    return {
        "operations": _part(PerformanceMonitor.get_all_operation_stats, {}),
        "requests": _part(PerformanceMonitor.get_request_stats, {}),
    }


def dashboard_overview() -> dict[str, Any]:
    """Return ``{"health", "recent_errors", "performance", "metrics"}``; a part that fails is empty."""
    return {
        "health": _part(HealthChecker.get_full_health_status, {}),
        "recent_errors": _part(lambda: ErrorTracker.get_recent_errors(_RECENT_ERRORS), []),
        "performance": _part(PerformanceMonitor.get_all_operation_stats, {}),
        "metrics": _part(MetricsCollector.get_metrics, {}),
    }


def _part(ask: Callable[[], Any], otherwise: Any) -> Any:
    with guarded("overview"):
        return ask()
    return otherwise
