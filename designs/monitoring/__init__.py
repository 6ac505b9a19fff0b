"""Facade of the monitoring: the names that the rest of the application may use."""

from designs.monitoring.errors.delivery_counts import Account
from designs.monitoring.errors.failed_responses import record_answer
from designs.monitoring.errors.request_notes import was_logged
from designs.monitoring.errors.severity import SEVERITIES
from designs.monitoring.exposition.scrape import metrics_page
from designs.monitoring.guard import guarded
from designs.monitoring.health import HealthChecker, HealthReport, Outcome, UnknownComponent
from designs.monitoring.metrics import MetricsCollector
from designs.monitoring.metrics.performance import PerformanceMonitor
from designs.monitoring.overview import SHOWN_GROUPS, collect_overview, dashboard_overview, performance_overview
from designs.monitoring.redaction import redact_text
from designs.monitoring.sentry.scrubber import sentry_account
from designs.monitoring.store_away import StoreAway
from designs.monitoring.strict_reads import (
    known_errors,
    known_group,
    known_groups,
    known_key,
    known_operations,
    known_requests,
    known_tasks,
)
from designs.monitoring.tracker import ErrorTracker
from designs.monitoring.withheld import WITHHELD, OwnWords, is_withheld, own_words

__all__ = [
    "SEVERITIES",
    "SHOWN_GROUPS",
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
    "collect_overview",
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
