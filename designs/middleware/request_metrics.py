"""Counts and durations of requests, kept in the memory of this process at a microsecond each."""

from __future__ import annotations

from time import perf_counter
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

from designs import context
from designs.conf import conf
from designs.middleware.stack import GetResponse, is_async, method_of, ours, route_of, within
from designs.monitoring import MetricsCollector, OwnWords, PerformanceMonitor, guarded

__all__ = ["MetricsMiddleware", "PerformanceMonitoringMiddleware"]

# Shorter requests are never slow, which saves the lookup of the threshold.
_QUICK_SECONDS = 0.5

_known = MetricsCollector.known


@sync_and_async_middleware
def PerformanceMonitoringMiddleware(get_response: GetResponse) -> GetResponse:
    """Report slow requests with a WARNING and a count, see `designs.monitoring.PerformanceMonitor`."""
    get_response = within(get_response)
    if is_async(get_response):

        async def aserve(request: HttpRequest) -> Any:
            began = perf_counter()
            response = await get_response(request)
            if (seconds := perf_counter() - began) >= _QUICK_SECONDS:
                _report_if_slow(request, seconds)
            return response

        return ours(aserve)

    def serve(request: HttpRequest) -> Any:
        began = perf_counter()
        response = get_response(request)
        if (seconds := perf_counter() - began) >= _QUICK_SECONDS:
            _report_if_slow(request, seconds)
        return response

    return ours(serve)


def _report_if_slow(request: HttpRequest, seconds: float) -> None:
    with guarded("PerformanceMonitoringMiddleware"):
        if seconds >= conf.slow_seconds["api_request"]:
            PerformanceMonitor.report_slow(OwnWords(f"{method_of(request)} {route_of(request)}"), seconds)


@sync_and_async_middleware
def MetricsMiddleware(get_response: GetResponse) -> GetResponse:
    """Count requests by method, route and status, and measure their durations.

    The exemplar of a duration is the error record of a failed request, or else its trace.
    """
    get_response = within(get_response)
    if is_async(get_response):

        async def aserve(request: HttpRequest) -> Any:
            began = perf_counter()
            response = await get_response(request)
            _count(request, response, perf_counter() - began)
            return response

        return ours(aserve)

    def serve(request: HttpRequest) -> Any:
        began = perf_counter()
        response = get_response(request)
        seconds = perf_counter() - began
        try:
            # `MetricsCollector.track_request` for a known series, inlined to save its calls.
            status = response.status_code
            if status < 400 and context.tracer is None:
                timed = _known[request.method, request.resolver_match.route, status]  # type: ignore[union-attr]
                values = timed.values
                values.append(seconds)
                if len(values) >= timed.MAX_VALUES:
                    timed.make_room()
                return response
        except (KeyError, AttributeError):
            pass
        _count(request, response, seconds)
        return response

    return ours(serve)


def _count(request: HttpRequest, response: HttpResponseBase, seconds: float) -> None:
    with guarded("MetricsMiddleware"):
        exemplar = getattr(request, "enginel_error_id", None) or context.trace_id()
        MetricsCollector.track_request(method_of(request), route_of(request), response.status_code, seconds, exemplar)
