"""MetricsCollector: counters, gauges, requests, tasks and uploads, shared by all processes."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, ClassVar

from django.conf import settings
from django.utils import timezone

from designs import context as run_context
from designs.monitoring.guard import guarded
from designs.monitoring.metrics.buckets import Series, percentile
from designs.monitoring.metrics.flusher import flusher, registry
from designs.monitoring.metrics.registry import OVERFLOW, Timed, label_of
from designs.monitoring.metrics.store import Families, read_families
from integrations.redis import RedisUnavailable, redis_for

__all__ = ["MetricsCollector", "duration_of", "families_now", "stats_of"]

_MAX_TOLD = 1_024
_STATES = {"FAILURE": "FAILED", "ERROR": "FAILED", "OK": "SUCCESS", "RETRIED": "RETRY"}

_found = registry.found
_told: OrderedDict[str, None] = OrderedDict()


class MetricsCollector:
    """Counts what happens, in this process's memory; a flusher hands it over. Never raises into its caller.

    Attributes:
        known: Series of requests that came before, by method, route and status: for the middleware, to add to.
    """

    known: ClassVar[Mapping[Any, Timed]] = registry.found

    @staticmethod
    def increment_counter(name: str, value: float = 1) -> None:
        """Add to a counter.

        Args:
            name: Its flat name.
            value: By how much; whole numbers stay exact. Nothing below 0.
        """
        with guarded("increment_counter"):
            registry.count("flat", (name,), value)

    @staticmethod
    def record_gauge(name: str, value: float) -> None:
        """Set a gauge; it is forgotten five minutes after it was set last."""
        with guarded("record_gauge"):
            registry.gauge(name, value, timezone.now().timestamp())

    @staticmethod
    def track_request(method: str, route: str, status: int, seconds: float, exemplar: str = "") -> None:
        """Count a request.

        Args:
            method: One of a known few: each value makes series of its own.
            route: The URL pattern, never the path.
            status: Of the answer.
            seconds: How long it took.
            exemplar: Id of an event or a trace that shows what such a request does.
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
            seconds: How long it ran.
            queue_seconds: How long it waited for a worker, where that is known.
        """
        with guarded("track_task"):
            registry.series("tasks", (task_name, state)).add(duration_of(seconds))
            if queue_seconds is not None:
                registry.series("task_queue", (task_name,)).add(duration_of(queue_seconds))

    @staticmethod
    def track_celery_task(task_name: str, duration: float, status: str) -> None:
        """Count a run of a task by hand; the signals' receiver then leaves the run this is told in alone.

        Args:
            task_name: Its name.
            duration: Seconds.
            status: ``SUCCESS``, ``FAILED`` (or ``FAILURE``) or ``RETRY``.
        """
        with guarded("track_celery_task"):
            status = str(status).upper()
            MetricsCollector.track_task(str(task_name), _STATES.get(status, status)[:32], duration_of(duration))
            run = run_context.current()
            if run.task_id and (run.task == task_name or run.task.endswith(f".{task_name}")):
                _told[run.task_id] = None
                if len(_told) > _MAX_TOLD:
                    _told.popitem(last=False)

    @staticmethod
    def was_told(task_id: str) -> bool:
        """Tell, once, whether this run was counted by hand."""
        return _told.pop(task_id, False) is None

    @staticmethod
    def track_file_upload(file_size_bytes: int, file_type: str) -> None:
        """Count an uploaded file.

        Args:
            file_size_bytes: Its size.
            file_type: ``step`` or ``iges``.
        """
        with guarded("track_file_upload"):
            registry.count("uploads", (str(file_type).lower(),), 1)
            registry.count("flat", ("total_bytes_uploaded",), int(file_size_bytes))

    @staticmethod
    def get_metrics() -> dict[str, Any]:
        """Return all of it, this process's own included.

        Returns:
            ``counters`` (flat name to number) and ``gauges`` (name to number); both empty while Redis is away.
        """
        with guarded("get_metrics"):
            families = families_now()
            flat = families.counters.get("flat", {})
            return {"counters": {name: flat[(name,)] for (name,) in sorted(flat)}, "gauges": dict(families.gauges)}
        return {"counters": {}, "gauges": {}}


def duration_of(seconds: float) -> float:
    """Return a duration that somebody else measured.

    Raises:
        ValueError: It is no number, or no duration.
    """
    seconds = float(seconds)
    if not 0 <= seconds < math.inf:
        raise ValueError(f"no duration: {seconds!r}")
    return seconds


def families_now() -> Families:
    """Return what all processes measured, what this one holds handed over first; nothing while Redis is away."""
    flusher.flush()
    try:
        return read_families(redis_for(settings.REDIS_URL))
    except RedisUnavailable:
        return Families()


def stats_of(series: Series | None) -> dict[str, Any]:
    """Return what a person asks of a series: numbers, and durations in seconds."""
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
