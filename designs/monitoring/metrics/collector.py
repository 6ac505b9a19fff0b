"""MetricsCollector: counters, gauges, requests, tasks and uploads, summed over all processes."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Any, ClassVar

from django.conf import settings
from django.utils import timezone

from designs.monitoring.guard import guarded
from designs.monitoring.metrics.buckets import Series, percentile
from designs.monitoring.metrics.flusher import flusher, registry
from designs.monitoring.metrics.metric_store import Families, read_families
from designs.monitoring.metrics.names import (
    BYTES_UPLOADED,
    DOCUMENTED,
    has_flat_task_name,
    is_built_in,
    is_upload_type,
)
from designs.monitoring.metrics.registry import OVERFLOW, Timed, label_of
from designs.monitoring.metrics.runs import runs
from designs.monitoring.timestamps import iso_utc
from integrations.prometheus import metric_name
from integrations.redis import RedisUnavailable, redis_for

__all__ = ["Families", "MetricsCollector", "duration_of", "families_now", "flat_of", "stats_of"]

logger = logging.getLogger("enginel.metrics")

_STATES = {"FAILURE": "FAILED", "ERROR": "FAILED", "OK": "SUCCESS", "RETRIED": "RETRY"}
_OTHER = "other"
_WARNED_MAX = 100

_found = registry.found
_warned: set[str] = set()


class MetricsCollector:
    """Records measurements in this process's memory; the flusher sends them to Redis. Never raises into its caller.

    Attributes:
        known: Existing series of requests, by method, route and status. The middleware adds to them directly.
    """

    known: ClassVar[Mapping[Any, Timed]] = registry.found

    @staticmethod
    def increment_counter(name: str, value: float = 1) -> None:
        """Add to a counter of the application.

        Args:
            name: Its flat name. A built-in name is refused and counted: the service counts those itself.
            value: Increment, at least 0; integers stay exact.
        """
        with guarded("increment_counter"):
            name = label_of(name)
            if is_built_in(name):
                _refuse(name)
            else:
                registry.count("flat", (name,), value)

    @staticmethod
    def record_gauge(name: str, value: float) -> None:
        """Set a gauge of the application; it expires five minutes after its last update.

        Args:
            name: Its flat name. A built-in name is refused and counted.
            value: Any finite number.
        """
        with guarded("record_gauge"):
            name = label_of(name)
            if is_built_in(name):
                _refuse(name)
            else:
                registry.gauge(name, value, timezone.now().timestamp())

    @staticmethod
    def track_request(method: str, route: str, status: int, seconds: float, exemplar: str = "") -> None:
        """Count a request.

        Args:
            method: HTTP method, from a small known set: each value creates its own series.
            route: URL pattern, never the path.
            status: Status code of the response.
            seconds: Duration of the request.
            exemplar: Id of an event or a trace that shows such a request in detail.
        """
        with guarded("track_request"):
            seconds = duration_of(seconds)
            timed = _found.get((method, route, status))
            if timed is None:
                timed = _request_series(method, route, status)
            timed.add(seconds)
            if exemplar:
                timed.remember(label_of(exemplar), seconds, timezone.now().timestamp())

    @staticmethod
    def track_task(task_name: str, state: str, seconds: float, queue_seconds: float | None = None) -> None:
        """Count one attempt of a task.

        Args:
            task_name: Its registered name.
            state: ``SUCCESS``, ``FAILED`` or ``RETRY``.
            seconds: Run time.
            queue_seconds: Time that it waited for a worker, if known.
        """
        with guarded("track_task"):
            _count_run("tasks", task_name, state, seconds)
            if queue_seconds is not None:
                registry.series("task_queue", (task_name,)).add(duration_of(queue_seconds))

    @staticmethod
    def track_celery_task(task_name: str, duration: float, status: str) -> None:
        """Count a run of a task explicitly, from application code.

        Inside a running task only the metrics of ``task_name`` grow: the worker counts the totals and the running
        task's own name, once per run. Outside of any task the totals grow too.

        Args:
            task_name: Its name.
            duration: Seconds.
            status: ``SUCCESS``, ``FAILED`` (or ``FAILURE``) or ``RETRY``.
        """
        with guarded("track_celery_task"):
            name, status = str(task_name), str(status).upper()
            state, seconds = _STATES.get(status, status)[:32], duration_of(duration)
            around = runs.around()
            if not around:
                MetricsCollector.track_task(name, state, seconds)
            elif metric_name(name) not in map(metric_name, around):
                _count_run("tracked_tasks", name, state, seconds)

    @staticmethod
    def begin_run(task_id: str, task_name: str) -> None:
        """Register the start of a task attempt in this process, see `track_celery_task`."""
        runs.begin(task_id, task_name)

    @staticmethod
    def end_run(task_id: str) -> None:
        """Register the end of a task attempt in this process."""
        runs.end(task_id)

    @staticmethod
    def track_file_upload(file_size_bytes: int, file_type: str) -> None:
        """Count an uploaded file.

        Args:
            file_size_bytes: Its size.
            file_type: ``step`` or ``iges``. A type that would result in a built-in name is counted as ``other``.
        """
        with guarded("track_file_upload"):
            size, kind = int(file_size_bytes), label_of(str(file_type).lower())
            if not is_upload_type(kind):
                _refuse(f"uploads_{kind}")
                kind = _OTHER
            registry.count("uploads", (kind,), 1)
            registry.count("flat", (BYTES_UPLOADED,), size)

    @staticmethod
    def get_metrics() -> dict[str, Any]:
        """Return all counters and gauges by flat name, including those of this process.

        Returns:
            ``timestamp`` (UTC) first, then the documented counters, which start at 0, then the counters and gauges of
            the application. While Redis is unavailable there is only the timestamp: unknown values are not 0.
        """
        snapshot: dict[str, Any] = {"timestamp": iso_utc(timezone.now())}
        with guarded("get_metrics"):
            families = families_now()
            if families.is_known:
                snapshot.update(flat_of(families))
        return snapshot


def flat_of(families: Families) -> dict[str, float]:
    """Return the documented counters, which start at 0, and the application's counters and gauges, by flat name."""
    counters = {name: number for (name,), number in sorted(families.counters.get("flat", {}).items())}
    documented = {name: counters.get(name, 0) for name in DOCUMENTED}
    # A name is one metric. If an application uses it for both sorts, the counter wins, as on the /metrics page.
    return documented | counters | {name: value for name, value in families.gauges.items() if name not in counters}


def _count_run(family: str, task_name: str, state: str, seconds: float) -> None:
    registry.series(family, (task_name, state)).add(duration_of(seconds))
    if not has_flat_task_name(label_of(task_name)):
        _refuse(f"celery_task_{label_of(task_name)}")


def _refuse(name: str) -> None:
    """Count a refused name, and log a warning once per name."""
    registry.count("refused", ("built_in",), 1)
    if name not in _warned and len(_warned) < _WARNED_MAX:
        _warned.add(name)
        logger.warning("The metric name %s is built in; the measurement was refused.", name, extra={"metric": name})


def duration_of(seconds: float) -> float:
    """Return a duration from outside as a valid float.

    Raises:
        ValueError: The value is not a number, or is negative or infinite.
    """
    seconds = float(seconds)
    if not 0 <= seconds < math.inf:
        raise ValueError(f"not a valid duration: {seconds!r}")
    return seconds


def families_now() -> Families:
    """Flush this process and return the measurements of all processes; unknown ones while Redis is unavailable."""
    flusher.flush()
    try:
        return read_families(redis_for(settings.REDIS_URL))
    except RedisUnavailable:
        return Families(is_known=False)


def stats_of(series: Series | None) -> dict[str, Any]:
    """Return the statistics of a series: counts, error rate, and durations in seconds."""
    if series is None or not series.count:
        return {
            "count": 0, "total_duration": 0.0, "avg_duration": 0.0, "max_duration": 0.0, "min_duration": 0.0,
            "error_count": 0, "error_rate": 0.0, "p50": None, "p95": None, "p99": None,
        }  # fmt: skip
    return {
        "count": series.count,
        "total_duration": series.total_seconds,
        "avg_duration": series.total_seconds / series.count,
        "max_duration": series.max_seconds,
        "min_duration": series.min_seconds,
        "error_count": series.errors,
        "error_rate": series.errors / series.count,
        "p50": percentile(series, 0.50),
        "p95": percentile(series, 0.95),
        "p99": percentile(series, 0.99),
    }


def _request_series(method: str, route: str, status: int) -> Timed:
    timed = registry.series("requests", (method, route, str(status)))
    if timed.labels[0] != OVERFLOW:
        _found[(method, route, status)] = timed
    return timed
