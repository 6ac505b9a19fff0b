"""Health checks of components, with single flight, a short cache and a deadline, and a history of one day."""

from designs.monitoring.health.checker import HealthChecker
from designs.monitoring.health.results import HealthReport, Outcome, UnknownComponent

__all__ = ["HealthChecker", "HealthReport", "Outcome", "UnknownComponent"]
