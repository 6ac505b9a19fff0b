"""Facade of the monitoring: what the rest of the application may use."""

from designs.monitoring.errors import ErrorTracker
from designs.monitoring.event import SEVERITIES
from designs.monitoring.guard import guarded
from designs.monitoring.health import HealthChecker, HealthReport, Outcome, UnknownComponent
from designs.monitoring.overview import dashboard_overview, performance_overview
from designs.monitoring.scrape import StoreAway, metrics_page

__all__ = [
    "SEVERITIES",
    "ErrorTracker",
    "HealthChecker",
    "HealthReport",
    "Outcome",
    "StoreAway",
    "UnknownComponent",
    "dashboard_overview",
    "guarded",
    "metrics_page",
    "performance_overview",
]
