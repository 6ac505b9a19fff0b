"""Counters, gauges and durations of all processes: recorded in memory, handed over once a second, merged in Redis.

`buckets` says where a duration falls, `registry` is what a process holds, `flusher` hands it over, `store` is what all
of them amount to, `collector` is what the application calls.
"""

from designs.monitoring.metrics.buckets import LE_BOUNDS_SECONDS, Series, percentile
from designs.monitoring.metrics.collector import MetricsCollector
from designs.monitoring.metrics.flusher import flusher, registry
from designs.monitoring.metrics.metric_store import Families, read_families

__all__ = [
    "LE_BOUNDS_SECONDS",
    "Families",
    "MetricsCollector",
    "Series",
    "flusher",
    "percentile",
    "read_families",
    "registry",
]
