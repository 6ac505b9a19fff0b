"""What counting and timing a request costs, beside what others take for it.

Method. A fresh process for each contender and round, the contenders in turn; Django's WSGI handler on a view that
answers two bytes, no network. CPU time of the whole process for each request, so that flusher and exporter threads are
charged; each run lasts several flush intervals of ours. What is shown is the median over the rounds of what a contender
adds to the bare handler, and its ratio to ours. ``python -m benchmarks.middleware`` runs all; with a name, one.
"""

from __future__ import annotations

import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from enginel.local.valkey import EmbeddedValkey

__all__ = ["run"]

ROUNDS = 5
SECONDS = 3.0
OURS = "error tracking, performance, metrics"
CONTENDERS = {
    "nothing": (),
    OURS: ("ErrorTrackingMiddleware", "PerformanceMonitoringMiddleware", "MetricsMiddleware"),
    "the same and request logging": (
        "ErrorTrackingMiddleware",
        "RequestLoggingMiddleware",
        "PerformanceMonitoringMiddleware",
        "MetricsMiddleware",
    ),
    "prometheus_client": ("benchmarks.middleware.Prometheus",),
    "prometheus_client, mmap": ("benchmarks.middleware.Prometheus",),
    "django-prometheus": (
        "django_prometheus.middleware.PrometheusBeforeMiddleware",
        "django_prometheus.middleware.PrometheusAfterMiddleware",
    ),
    "OpenTelemetry traces and metrics": (),
    "one Redis pipeline a request": ("benchmarks.middleware.Pipeline",),
    "get and set in Django's cache": ("benchmarks.middleware.Cache",),
}


class _Around:
    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> Any:
        began = time.perf_counter()
        response = self.get_response(request)
        route, seconds = request.resolver_match.route, time.perf_counter() - began
        self.note(request.method, route, str(response.status_code), seconds)
        return response

    def note(self, method: str, route: str, status: str, seconds: float) -> None:
        raise NotImplementedError


class Prometheus(_Around):
    """A counter and a histogram with labels."""

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        import prometheus_client

        super().__init__(get_response)
        labels = ("method", "route", "status")
        self.requests = prometheus_client.Counter("requests", "Requests.", labels)
        self.seconds = prometheus_client.Histogram("seconds", "Seconds.", labels)

    def note(self, method: str, route: str, status: str, seconds: float) -> None:
        self.requests.labels(method, route, status).inc()
        self.seconds.labels(method, route, status).observe(seconds)


class Pipeline(_Around):
    """Counters in Redis, one round trip a request."""

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        import redis

        super().__init__(get_response)
        self.client = redis.Redis.from_url(os.environ["REDIS_URL"])

    def note(self, method: str, route: str, status: str, seconds: float) -> None:
        pipe = self.client.pipeline(transaction=False)
        for name in ("requests", f"status:{status}", f"route:{route}"):
            pipe.incr(name)
        pipe.incrbyfloat("seconds", seconds)
        pipe.execute()


class Cache(_Around):
    """What a first version does: read, add, write, in Django's cache on Redis."""

    def note(self, method: str, route: str, status: str, seconds: float) -> None:
        from django.core.cache import cache

        for name in ("requests", f"status_{status}", f"route_{route}"):
            cache.set(name, cache.get(name, 0) + 1)


def _view(request: Any) -> Any:
    from django.http import HttpResponse

    return HttpResponse(b"ok")


def _start_response(status: str, headers: Any, exc_info: Any = None) -> None:
    return


urlpatterns: list[Any] = []


def _measure(name: str) -> None:
    os.environ.update(DJANGO_SETTINGS_MODULE="enginel.settings", ENGINEL_ENVIRONMENT="development")
    import django
    from django.conf import settings
    from django.urls import path

    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": os.environ["REDIS_URL"]}
    }
    django.setup()
    urlpatterns.append(path("api/plain/", _view))
    settings.ROOT_URLCONF = "benchmarks.middleware"
    settings.MIDDLEWARE = [one if "." in one else f"designs.middleware.{one}" for one in CONTENDERS[name]]
    if name == "OpenTelemetry traces and metrics":
        _observe()
    from django.core.handlers.wsgi import WSGIHandler

    handler = WSGIHandler()

    def environ() -> dict[str, Any]:
        return {
            "REQUEST_METHOD": "GET", "PATH_INFO": "/api/plain/", "SERVER_NAME": "localhost", "SERVER_PORT": "80",
            "HTTP_HOST": "localhost", "wsgi.input": io.BytesIO(), "wsgi.errors": sys.stderr, "wsgi.url_scheme": "http",
        }  # fmt: skip

    def request() -> None:
        handler(environ(), _start_response).close()

    if (status := handler(environ(), _start_response).status_code) != 200:
        raise RuntimeError(f"{name}: the view answered {status}")
    for _ in range(500):
        request()
    began, used, done = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - began < SECONDS:
        for _ in range(200):
            request()
        done += 200
    print((time.process_time() - used) / done * 1e6)


def _observe() -> None:
    """OpenTelemetry's Django instrumentation with traces and metrics, batched and thrown away."""
    from opentelemetry import metrics, trace
    from opentelemetry.instrumentation.django import DjangoInstrumentor
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, PeriodicExportingMetricReader
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

    class NoSpans(SpanExporter):
        def export(self, spans: Any) -> SpanExportResult:
            return SpanExportResult.SUCCESS

    class NoMetrics(MetricExporter):
        def export(self, metrics_data: Any, timeout_millis: float = 0, **kwargs: Any) -> MetricExportResult:
            return MetricExportResult.SUCCESS

        def force_flush(self, timeout_millis: float = 0) -> bool:
            return True

        def shutdown(self, timeout_millis: float = 0, **kwargs: Any) -> None:
            return

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(NoSpans()))
    trace.set_tracer_provider(provider)
    reader = PeriodicExportingMetricReader(NoMetrics(), export_interval_millis=1000)
    metrics.set_meter_provider(MeterProvider(metric_readers=[reader]))
    DjangoInstrumentor().instrument()


def run(server: EmbeddedValkey) -> None:
    """Run all contenders and print what each adds to a request."""
    taken: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    for _ in range(ROUNDS):
        for name in CONTENDERS:
            taken[name].append(_one(server, name))
    bare = statistics.median(taken["nothing"])
    added = {name: statistics.median(each) - bare for name, each in taken.items()}
    print(f"\nA request, {bare:.1f} us of CPU without any of it; what each adds")
    for name, microseconds in added.items():
        if name != "nothing":
            print(f"  {name:<52} + {microseconds:>8.1f} us   x {microseconds / max(added[OURS], 0.1):.1f}")


def _one(server: EmbeddedValkey, name: str) -> float:
    with tempfile.TemporaryDirectory(prefix="enginel-bench-") as folder:
        env = {**os.environ, "REDIS_URL": server.url, "ENGINEL_STATE_DIR": folder, "ENGINEL_LOG_LEVEL": "INFO"}
        if name.endswith("mmap"):
            env["PROMETHEUS_MULTIPROC_DIR"] = folder
        with Path(os.devnull).open("w") as nowhere:
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.middleware", name],
                env=env,
                check=True,
                stdout=subprocess.PIPE,
                stderr=nowhere,
                text=True,
            )
    return float(done.stdout.strip().splitlines()[-1])


def main() -> None:
    """Measure the contender that is named, in this process; all, in processes of their own, if none is."""
    if len(sys.argv) > 1:
        _measure(sys.argv[1])
    else:
        with tempfile.TemporaryDirectory(prefix="enginel-bench-") as state_dir:
            valkey = EmbeddedValkey(Path(state_dir), persistent=False)
            valkey.start()
            try:
                run(valkey)
            finally:
                valkey.stop()


if __name__ == "__main__":
    # Django imports the URLs of this module by its name, and must find these and not a second copy.
    from benchmarks.middleware import main as by_name

    by_name()
