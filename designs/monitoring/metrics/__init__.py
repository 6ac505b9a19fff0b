"""Counters, gauges and durations of all processes: recorded in memory, flushed once a second, merged in Redis.

`buckets` sorts durations into histogram buckets. `registry` holds the measurements of one process, `flusher` sends them
to Redis, `store` merges and reads those of all processes. `collector` is the API for the application.
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
