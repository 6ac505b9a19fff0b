"""Facade of the monitoring: what the rest of the application may use."""

from designs.monitoring.accounting import Account
from designs.monitoring.answers import record_answer
from designs.monitoring.away import StoreAway
from designs.monitoring.errors import ErrorTracker
from designs.monitoring.guard import guarded
from designs.monitoring.health import HealthChecker, HealthReport, Outcome, UnknownComponent
from designs.monitoring.known import (
    dashboard_overview,
    known_errors,
    known_group,
    known_groups,
    known_key,
    known_operations,
    known_requests,
    known_tasks,
    performance_overview,
)
from designs.monitoring.metrics import MetricsCollector
from designs.monitoring.performance import PerformanceMonitor
from designs.monitoring.redaction import redact_text
from designs.monitoring.request_notes import was_logged
from designs.monitoring.scrape import metrics_page
from designs.monitoring.sending import sentry_account
from designs.monitoring.severity import SEVERITIES
from designs.monitoring.withheld import WITHHELD, OwnWords, is_withheld, own_words

__all__ = [
    "SEVERITIES",
    "WITHHELD",
    "Account",
    "ErrorTracker",
    "HealthChecker",
    "HealthReport",
    "MetricsCollector",
    "Outcome",
    "OwnWords",
    "PerformanceMonitor",
    "StoreAway",
    "UnknownComponent",
    "dashboard_overview",
    "guarded",
    "is_withheld",
    "known_errors",
    "known_group",
    "known_groups",
    "known_key",
    "known_operations",
    "known_requests",
    "known_tasks",
    "metrics_page",
    "own_words",
    "performance_overview",
    "record_answer",
    "redact_text",
    "sentry_account",
    "was_logged",
]
