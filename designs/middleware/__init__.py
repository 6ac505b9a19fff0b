"""The five middlewares, for sync and async stacks, and the receiver for unhandled exceptions."""

from designs.middleware.error_tracking import ErrorTrackingMiddleware, record_unhandled
from designs.middleware.request_logging import RequestLoggingMiddleware
from designs.middleware.request_metrics import MetricsMiddleware, PerformanceMonitoringMiddleware
from designs.middleware.response_headers import HeadersMiddleware

__all__ = [
    "ErrorTrackingMiddleware",
    "HeadersMiddleware",
    "MetricsMiddleware",
    "PerformanceMonitoringMiddleware",
    "RequestLoggingMiddleware",
    "record_unhandled",
]
