"""What the dashboard shows, gathered from the monitoring. A part that cannot be had is empty and named in ``away``."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from django.conf import settings

from designs.monitoring import ErrorTracker, guarded
from integrations.redis import RedisUnavailable, redis_for

__all__ = ["GROUPS", "collect"]

GROUPS = 20
"""Groups of errors that are shown; the chart of the day is the sum of these."""
_ROWS = 15

# Where the parts come from; one that is not there shows as nothing.
_SOURCES = {
    "health": ("designs.monitoring", "HealthChecker", "last_known"),
    "requests": ("designs.monitoring", "PerformanceMonitor", "get_request_stats"),
    "operations": ("designs.monitoring", "PerformanceMonitor", "get_all_operation_stats"),
    "metrics": ("designs.monitoring", "MetricsCollector", "get_metrics"),
    "sentry": ("integrations.sentry", "delivery_status"),
    "workers": ("integrations.heartbeat", "live_workers"),
}
_TASK = "celery_task_"
_OUTCOMES = {"_SUCCESS": "success", "_FAILED": "failed", "_RETRY": "retry"}


def collect() -> dict[str, Any]:
    """Return everything the dashboard shows; never raises.

    Returns:
        ``health`` (component -> ``status``, ``since``, ``message``), ``requests`` and ``operations`` (rows of ``name``,
        ``count``, ``per_minute`` (None until seen twice), ``avg_ms``, ``p95_ms``, ``error_rate``; operations also
        ``slow``), ``errors`` (groups: ``key``, ``type``, ``message``, ``total``, ``last_seen``, ``state``,
        ``minutes``), ``tasks`` (``name``, ``success``, ``failed``, ``retry``, ``p95_ms``), ``sentry`` (delivery facts),
        ``workers`` (how many live), ``away`` (names of the parts that cannot be had now).
    """
    away: list[str] = []
    redis = redis_for(settings.REDIS_URL)
    _part("redis", lambda: redis.run(lambda client: client.ping()), None, away)
    metrics = _part("metrics", lambda: _ask("metrics", {}), {}, away)
    counters: Mapping[str, float] = metrics.get("counters", metrics)
    operations = _part("operations", lambda: _ask("operations", {}), {}, away)
    return {
        "health": _part("health", lambda: dict(_ask("health", {})), {}, away),
        "requests": _part("requests", lambda: _timed(_ask("requests", {})), [], away),
        "errors": _part("errors", _errors, [], away),
        "operations": _part("operations", lambda: _operations(operations, counters), [], away),
        "tasks": _part("tasks", lambda: _tasks(counters, operations), [], away),
        "sentry": _part("sentry", lambda: dict(_ask("sentry", {})), {}, away),
        "workers": _part("workers", lambda: len(_ask("workers", [], redis)), 0, away),
        "away": away,
    }


def _part(name: str, get: Callable[[], Any], nothing: Any, away: list[str]) -> Any:
    with guarded(f"dashboard_{name}"):
        try:
            return get()
        except RedisUnavailable:
            away.append(name)
            return nothing
    away.append(name)
    return nothing


def _ask(source: str, nothing: Any, *arguments: Any) -> Any:
    module, *names = _SOURCES[source]
    try:
        found: Any = import_module(module)
    except ModuleNotFoundError:
        return nothing
    for name in names:
        found = getattr(found, name, None)
    return nothing if found is None else found(*arguments)


def _errors() -> list[dict[str, Any]]:
    found = (ErrorTracker.get_group(row["fingerprint"]) for row in ErrorTracker.get_groups(GROUPS))
    return [
        {
            "key": group["fingerprint"],
            "type": group["type"],
            "message": group["message"],
            "total": int(group["total"]),
            "last_seen": group["last_seen"],
            "state": group["state"],
            "minutes": group["minutes"],
        }
        for group in found
        if group is not None
    ]


def _timed(stats: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows, the busiest first."""
    rows: list[dict[str, Any]] = [
        {
            "name": name,
            "count": int(one.get("count", 0)),
            "per_minute": _rates.per_minute(name, int(one.get("count", 0))),
            "avg_ms": _milliseconds(one.get("avg_duration")),
            "p95_ms": _milliseconds(one.get("p95")),
            "error_rate": float(one.get("error_rate") or 0.0),
        }
        for name, one in stats.items()
    ]
    return sorted(rows, key=lambda row: -row["count"])[:_ROWS]


def _operations(stats: Mapping[str, Mapping[str, Any]], counters: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return rows, the slowest first."""
    rows = [
        {**row, "slow": int(counters.get(f"slow_{row['name']}", stats[row["name"]].get("slow", 0)))}
        for row in _timed(stats)
    ]
    return sorted(rows, key=lambda row: -(row["p95_ms"] or row["avg_ms"] or 0.0))


def _tasks(counters: Mapping[str, float], stats: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows, those with failures first."""
    rows: dict[str, dict[str, Any]] = {}
    for counter, value in counters.items():
        ending = next((ending for ending in _OUTCOMES if counter.endswith(ending)), None)
        name = counter.removeprefix(_TASK).removesuffix(ending or "")
        # Without a name of a task it is the total.
        if ending is None or not counter.startswith(_TASK) or counter == _TASK + ending.removeprefix("_"):
            continue
        row = rows.setdefault(name, {"name": name, "success": 0, "failed": 0, "retry": 0})
        row[_OUTCOMES[ending]] = int(value)
    for name, row in rows.items():
        row["p95_ms"] = _milliseconds(stats.get(name, {}).get("p95"))
    return sorted(rows.values(), key=lambda row: (-row["failed"], -row["success"]))[:_ROWS]


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000


class _Rates:
    """Counts of all processes as this one saw them last, from which two looks make a rate."""

    KEPT_SECONDS = 600.0
    APART_SECONDS = 2.0

    def __init__(self) -> None:
        self._seen: dict[str, tuple[float, int, float | None]] = {}
        self._lock = threading.Lock()

    def per_minute(self, name: str, count: int) -> float | None:
        """Return how many more a minute there were since the last look; None when that is too long ago."""
        now = time.monotonic()
        with self._lock:
            at, before, rate = self._seen.get(name, (now - self.KEPT_SECONDS - 1, 0, None))
            if now - at < self.APART_SECONDS:
                return rate
            rate = (count - before) / (now - at) * 60 if now - at <= self.KEPT_SECONDS and count >= before else None
            self._seen = {seen: facts for seen, facts in self._seen.items() if now - facts[0] <= self.KEPT_SECONDS}
            self._seen[name] = (now, count, rate)
            return rate


_rates = _Rates()
