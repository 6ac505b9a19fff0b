"""The five middlewares, sync and async alike, and the receiver for unhandled exceptions."""

from designs.middleware.headers import HeadersMiddleware
from designs.middleware.logs import RequestLoggingMiddleware
from designs.middleware.measuring import MetricsMiddleware, PerformanceMonitoringMiddleware
from designs.middleware.tracking import ErrorTrackingMiddleware, record_unhandled

__all__ = [
    "ErrorTrackingMiddleware",
    "HeadersMiddleware",
    "MetricsMiddleware",
    "PerformanceMonitoringMiddleware",
    "RequestLoggingMiddleware",
    "record_unhandled",
]
