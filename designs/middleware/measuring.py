"""Counting and timing requests: in this process's memory only, a microsecond each."""

from __future__ import annotations

from time import perf_counter

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from designs.conf import conf
from designs.middleware.hybrid import Hybrid, method_of, route_of
from designs.monitoring import MetricsCollector, PerformanceMonitor, guarded

__all__ = ["MetricsMiddleware", "PerformanceMonitoringMiddleware"]


# Nothing shorter is slow, so that nobody looks the threshold up for it.
_QUICK_SECONDS = 0.5


class PerformanceMonitoringMiddleware(Hybrid):
    """Tells of slow requests: a WARNING and a count, see `designs.monitoring.PerformanceMonitor`."""

    def before(self, request: HttpRequest) -> float:
        return perf_counter()

    def after(self, request: HttpRequest, response: HttpResponseBase, state: float) -> None:
        seconds = perf_counter() - state
        if seconds >= _QUICK_SECONDS and seconds >= conf.slow_seconds["api_request"]:
            with guarded("PerformanceMonitoringMiddleware"):
                PerformanceMonitor.report_slow(f"{method_of(request)} {route_of(request)}", seconds)


class MetricsMiddleware(Hybrid):
    """Counts requests by method, route and status, and their durations."""

    def before(self, request: HttpRequest) -> float:
        return perf_counter()

    def after(self, request: HttpRequest, response: HttpResponseBase, state: float) -> None:
        try:
            MetricsCollector.track_request(
                method_of(request), route_of(request), response.status_code, perf_counter() - state
            )
        except Exception as error:  # noqa: BLE001 - measuring must not break a request
            guarded("MetricsMiddleware").__exit__(type(error), error, error.__traceback__)
