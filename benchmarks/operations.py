"""Benchmark of timing an operation, beside prometheus_client's histogram on the same function.

Method. One process, alternating rounds (`timing`), each call a hundred operations; no Redis on the way: the flusher has
no thread here, and a flush is measured separately.
"""

from __future__ import annotations

import prometheus_client
from django.test import override_settings

from benchmarks.timing import alternate, show
from designs.monitoring import MetricsCollector, PerformanceMonitor
from designs.monitoring.metrics import flusher, registry
from enginel.local.valkey import EmbeddedValkey

__all__ = ["run"]

OPERATIONS = 100


def run(server: EmbeddedValkey) -> None:
    """Print the time of a hundred operations, and that of a flush."""
    with override_settings(ENGINEL_METRICS_FLUSH_SECONDS=0):
        registry.reset()
        flusher.reset()
        _operations()
        _flush()


def _operations() -> None:
    histogram = prometheus_client.Histogram("bench_seconds", "Seconds.")

    def bare() -> None:
        return

    timed = PerformanceMonitor.track_duration("bench")(bare)
    theirs = histogram.time()(bare)

    def hundred(call: object) -> object:
        def act() -> None:
            for _ in range(OPERATIONS):
                call()  # type: ignore[operator]

        return act

    results = alternate(
        {
            "prometheus_client Histogram.time()": hundred(theirs),  # type: ignore[dict-item]
            "track_duration": hundred(timed),  # type: ignore[dict-item]
            "neither": hundred(bare),  # type: ignore[dict-item]
        },
        calls=300,
    )
    show(f"{OPERATIONS} operations", results, base="prometheus_client Histogram.time()")


def _flush() -> None:
    def twenty() -> None:
        for number in range(20):
            MetricsCollector.track_request("GET", f"api/{number}/", 200, 0.01)
        flusher.flush()

    show("A flush", alternate({"20 series": twenty}, calls=30))
