"""Read model of the dashboard, for JSON and the page. An unknown part is None, and ``away`` contains its name."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from django.utils import timezone

from designs.monitoring.guard import guarded
from designs.monitoring.health import HealthChecker
from designs.monitoring.metrics.collector import flat_of
from designs.monitoring.metrics.performance import operations_of, requests_of
from designs.monitoring.store_away import StoreAway
from designs.monitoring.strict_reads import (
    known_errors,
    known_families,
    known_group,
    known_groups,
    known_operations,
    known_requests,
    known_tasks,
)
from designs.monitoring.timestamps import iso_utc
from integrations.redis import RedisUnavailable
from integrations.sentry import delivery_status

__all__ = ["SHOWN_GROUPS", "collect_overview", "dashboard_overview", "performance_overview"]

SHOWN_GROUPS = 20
"""Number of error groups shown; the chart of the day is their sum."""
_ROWS = 15
_RECENT_ERRORS = 10

_SOURCES: dict[str, Callable[..., Any]] = {
    "health": HealthChecker.current,
    "requests": known_requests,
    "operations": known_operations,
    "tasks": known_tasks,
    "sentry": delivery_status,
}


def collect_overview() -> dict[str, Any]:
    """Return all data of the dashboard; never raises.

    Returns:
        ``health`` (see `HealthChecker.current`), ``requests`` and ``operations`` (rows of ``name``,
        ``count``, ``per_minute`` (None until seen twice), ``avg_ms``, ``p95_ms``, ``error_rate``; operations also
        ``slow``), ``errors`` (groups: ``key``, ``type``, ``message``, ``why``, ``reasons``, ``total``,
        ``last_seen``, ``state``, ``minutes``), ``tasks`` (``name``, ``success``, ``failed``, ``retry``, ``p95_ms``),
        ``sentry`` (delivery facts), ``workers`` (number of live workers, from the health check of Celery), ``away``
        (names of the parts that are unknown now; these are None).
    """
    away: list[str] = []
    health = _part("health", lambda: dict(_SOURCES["health"]()), away)
    return {
        "health": health,
        "requests": _part("requests", lambda: _rows(_SOURCES["requests"]()), away),
        "errors": _part("errors", _errors, away),
        "operations": _part("operations", lambda: _operations(_SOURCES["operations"]()), away),
        "tasks": _part("tasks", lambda: _tasks(_SOURCES["tasks"]()), away),
        "sentry": _part("sentry", _sentry, away),
        "workers": _part("workers", lambda: _workers(health), away),
        "away": away,
    }


def performance_overview() -> dict[str, Any]:
    """Return ``{"operations": {name: stats}, "requests": {"METHOD route": stats}}`` of the last hour.

    Raises:
        StoreAway: Redis does not answer.
    """
    families = known_families()
    return {"operations": operations_of(families), "requests": requests_of(families)}


def dashboard_overview() -> dict[str, Any]:
    """Return ``{"recent_errors", "performance", "metrics"}``.

    Raises:
        StoreAway: Redis does not answer.
    """
    families = known_families()
    return {
        "recent_errors": known_errors(_RECENT_ERRORS),
        "performance": operations_of(families),
        "metrics": {"timestamp": iso_utc(timezone.now()), **flat_of(families)},
    }


def _part(name: str, get: Callable[[], Any], away: list[str]) -> Any:
    with guarded(f"dashboard_{name}"):
        try:
            return get()
        except (RedisUnavailable, StoreAway):
            away.append(name)
            return None
    away.append(name)
    return None


def _workers(health: Mapping[str, Mapping[str, Any]] | None) -> int:
    """Return the number of live workers from the Celery health check, so state and number are from one moment."""
    workers = (health or {}).get("celery", {}).get("workers")
    if workers is None:
        raise StoreAway("the heartbeats cannot be read")
    return len(workers)


def _sentry() -> dict[str, Any]:
    status = dict(_SOURCES["sentry"]())
    if status.get("store") == "away":
        raise StoreAway("the outbox cannot be read")
    return status


def _errors() -> list[dict[str, Any]]:
    found = (known_group(row["fingerprint"]) for row in known_groups(SHOWN_GROUPS))
    return [
        {
            "key": group["fingerprint"],
            "type": group["type"],
            "message": group["message"],
            "why": group["why"],
            "reasons": group["reasons"],
            "total": int(group["total"]),
            "last_seen": group["last_seen"],
            "state": group["state"],
            "minutes": group["minutes"],
        }
        for group in found
        if group is not None
    ]


def _rows(stats: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
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


def _operations(stats: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows, the slowest first."""
    rows = [{**row, "slow": int(stats[row["name"]]["slow"])} for row in _rows(stats)]
    return sorted(rows, key=lambda row: -(row["p95_ms"] or row["avg_ms"] or 0.0))


def _tasks(stats: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows, those with failures first."""
    rows: list[dict[str, Any]] = [
        {
            "name": name,
            **{state: int(one[state]) for state in ("success", "failed", "retry")},
            "p95_ms": _milliseconds(one["p95"]),
        }
        for name, one in stats.items()
    ]
    return sorted(rows, key=lambda row: (-row["failed"], -row["success"]))[:_ROWS]


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000


class _Rates:
    """Rates from two reads of the counts of all processes."""

    KEPT_SECONDS = 600.0
    APART_SECONDS = 2.0

    def __init__(self) -> None:
        self._seen: dict[str, tuple[float, int, float | None]] = {}
        self._lock = threading.Lock()

    def per_minute(self, name: str, count: int) -> float | None:
        """Return the increase per minute since the last read; None if the last read is too old."""
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
