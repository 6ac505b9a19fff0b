"""Benchmark of the middlewares that count and time requests, beside those of others.

Method. A fresh process for each contender and round, the contenders in turn; Django's WSGI handler on a view that
answers two bytes, no network. Within the process a bare handler and the contender's take turns of a tenth of a second,
since processes, and seconds, differ by more than the effect. The measure is CPU time of the serving thread per request:
the median of the differences between a turn and the one before. The CPU time of other threads (flusher, exporter),
divided by the contender's requests, is added. The table shows the median over the processes of each contender's extra
time, and its ratio to ours. ``python -m benchmarks.middleware`` runs all; with a name, one.
"""

from __future__ import annotations

import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from enginel.local.valkey import EmbeddedValkey

__all__ = ["run"]

ROUNDS = 5
TURNS = 20
TURN_SECONDS = 0.1
OURS = "error tracking, performance, metrics"
CONTENDERS = {
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
        self.record(request.method, route, str(response.status_code), seconds)
        return response

    def record(self, method: str, route: str, status: str, seconds: float) -> None:
        raise NotImplementedError


class Prometheus(_Around):
    """A counter and a histogram with labels."""

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        import prometheus_client

        super().__init__(get_response)
        labels = ("method", "route", "status")
        self.requests = prometheus_client.Counter("requests", "Requests.", labels)
        self.seconds = prometheus_client.Histogram("seconds", "Seconds.", labels)

    def record(self, method: str, route: str, status: str, seconds: float) -> None:
        self.requests.labels(method, route, status).inc()
        self.seconds.labels(method, route, status).observe(seconds)


class Pipeline(_Around):
    """Counters in Redis, one round trip a request."""

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        import redis

        super().__init__(get_response)
        self.client = redis.Redis.from_url(os.environ["REDIS_URL"])

    def record(self, method: str, route: str, status: str, seconds: float) -> None:
        pipe = self.client.pipeline(transaction=False)
        for name in ("requests", f"status:{status}", f"route:{route}"):
            pipe.incr(name)
        pipe.incrbyfloat("seconds", seconds)
        pipe.execute()


class Cache(_Around):
    """Counters in Django's cache on Redis, as in a naive first version: read, add, write."""

    def record(self, method: str, route: str, status: str, seconds: float) -> None:
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
    bare = _handler([])
    if name == "OpenTelemetry traces and metrics":
        _observe()
    ours = _handler(CONTENDERS[name])
    for call in (bare, ours):
        _turn(call)
    without: list[float] = []
    added: list[float] = []
    requests = 0
    others = time.process_time() - time.thread_time()
    for _ in range(TURNS):
        before, _ = _turn(bare)
        after, done = _turn(ours)
        without.append(before)
        added.append(after - before)
        requests += done
    others = (time.process_time() - time.thread_time() - others) / requests * 1e6
    print(statistics.median(without), statistics.median(added) + others)


def _handler(middlewares: Iterable[str]) -> Callable[[], int]:
    """Return a function that sends one request through Django, these middlewares and those installed already."""
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler

    settings.MIDDLEWARE = [
        *(one for one in settings.MIDDLEWARE if "opentelemetry" in one),
        *(one if "." in one else f"designs.middleware.{one}" for one in middlewares),
    ]
    handler = WSGIHandler()

    def request() -> int:
        response = handler(_environ(), _start_response)
        response.close()
        return int(response.status_code)

    if (status := request()) != 200:
        raise RuntimeError(f"the view answered {status}")
    return request


def _environ() -> dict[str, Any]:
    return {
        "REQUEST_METHOD": "GET", "PATH_INFO": "/api/plain/", "SERVER_NAME": "localhost", "SERVER_PORT": "80",
        "HTTP_HOST": "localhost", "wsgi.input": io.BytesIO(), "wsgi.errors": sys.stderr, "wsgi.url_scheme": "http",
    }  # fmt: skip


def _turn(request: Callable[[], int]) -> tuple[float, int]:
    """Return the CPU time of a request in this thread, in microseconds, and how many there were."""
    began, used, done = time.perf_counter(), time.thread_time(), 0
    while time.perf_counter() - began < TURN_SECONDS:
        for _ in range(100):
            request()
        done += 100
    return (time.thread_time() - used) / done * 1e6, done


def _observe() -> None:
    """Start OpenTelemetry's Django instrumentation, with traces and metrics that are batched and discarded."""
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
    """Run all contenders and print the extra time of each per request."""
    bare: list[float] = []
    taken: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    for _ in range(ROUNDS):
        for name in CONTENDERS:
            without, added = _one(server, name)
            bare.append(without)
            taken[name].append(added)
    adds = {name: statistics.median(each) for name, each in taken.items()}
    print(f"\nA request, {statistics.median(bare):.1f} us of CPU without any of it; what each adds")
    for name, microseconds in adds.items():
        print(f"  {name:<52} + {microseconds:>8.1f} us   x {microseconds / max(adds[OURS], 0.1):.1f}")


def _one(server: EmbeddedValkey, name: str) -> tuple[float, float]:
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
    without, added = map(float, done.stdout.strip().splitlines()[-1].split())
    return without, added


def main() -> None:
    """Measure the contender named in the arguments, in this process; without one, all in separate processes."""
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
    # Django imports the URLs of this module by its name, and must not find a second copy of it.
    from benchmarks.middleware import main as by_name

    by_name()
