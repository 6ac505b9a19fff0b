"""Is each component well? Checks behind single flight, a short cache and a deadline, and a day's history."""

from designs.monitoring.health.checker import HealthChecker
from designs.monitoring.health.results import HealthReport, Outcome, UnknownComponent

__all__ = ["HealthChecker", "HealthReport", "Outcome", "UnknownComponent"]
