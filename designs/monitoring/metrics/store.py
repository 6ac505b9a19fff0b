"""The measurements of all processes in Redis: a hash a family, one merge a family and flush, one round trip to read.

Families are few and their keys known: nothing is ever searched for. Each has a hash tag of its own, so that a cluster
spreads them and each merge stays on one node.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone

from designs.conf import conf
from designs.monitoring.metrics.buckets import Series
from designs.monitoring.metrics.registry import Batch, as_payload
from integrations.redis import FailFastRedis

__all__ = ["COUNTERS", "HISTOGRAMS", "Families", "add_derived", "merge", "read_families"]

Labels = tuple[str, ...]

HISTOGRAMS = {"requests": 3, "operations": 1, "tasks": 2, "task_queue": 1}
"""Families of durations, with the number of their labels: method, route, status · operation · task, state · task."""

COUNTERS = ""
"""The family of counters and gauges."""

_GUARD_SECONDS = 172_800
_OUTCOMES = ("SUCCESS", "FAILED", "RETRY")
_EXPONENTIAL, _BUCKET = b"xb"
_NO_NAME = re.compile(r"[^A-Za-z0-9_]+")


@dataclass
class Families:
    """What all processes measured.

    Attributes:
        histograms: By family and labels, see `HISTOGRAMS`.
        counters: ``flat`` (name), ``slow`` (operation), ``uploads`` (file type), ``self`` (name).
        gauges: Those written in the last five minutes.
        age_seconds: Since a process last handed over; None if none ever did.
    """

    histograms: dict[str, dict[Labels, Series]] = field(default_factory=dict)
    counters: dict[str, dict[Labels, float]] = field(default_factory=dict)
    gauges: dict[str, float] = field(default_factory=dict)
    age_seconds: float | None = None


def merge(redis: FailFastRedis, family: str, batch: Batch, *, token: str, sequence: int) -> None:
    """Add a batch to its family.

    Args:
        redis: Where.
        family: One of `HISTOGRAMS`, or `COUNTERS`.
        batch: What to add.
        token: This process, unlike any other.
        sequence: Number of the batch; one that was added before is not added again.

    Raises:
        RedisUnavailable: Redis does not answer; the batch may have been added.
    """
    is_recent_only = family == "operations"
    seconds = conf.operation_stats_seconds if is_recent_only else conf.metrics_seconds
    now = timezone.now().timestamp()
    args = [sequence, json.dumps(as_payload(batch)), seconds, now, _GUARD_SECONDS, int(is_recent_only)]
    redis.script("merge_metrics", [*_keys(family), f"{_prefix(family)}guard:{token}"], args)


def read_families(redis: FailFastRedis, *, percentiles: bool = True) -> Families:
    """Return everything, in one round trip.

    Args:
        redis: Where from.
        percentiles: Whether any will be asked for; without the exponential buckets, which are most of what there is, a
            page of /metrics takes a fifth less.

    Raises:
        RedisUnavailable: Redis does not answer.
    """

    def read(client: Any) -> list[dict[bytes, bytes]]:
        pipe = client.pipeline(transaction=False)
        for family in (*HISTOGRAMS, COUNTERS):
            pipe.hgetall(_keys(family)[0])
        return list(pipe.execute())

    *durations, others = redis.run(read)
    merged_at = max(float(raw.pop(b"at", 0)) for raw in (*durations, others))
    families = Families(
        {
            name: _series_of(raw, size, percentiles)
            for (name, size), raw in zip(HISTOGRAMS.items(), durations, strict=True)
        }
    )
    families.age_seconds = max(timezone.now().timestamp() - merged_at, 0.0) if merged_at else None
    _add_counters(families, others)
    add_derived(families)
    return families


def add_derived(families: Families) -> None:
    """Add the documented flat names that other families hold already: of requests, tasks and uploads."""
    flat = families.counters.setdefault("flat", {})

    def add(name: str, number: float) -> None:
        flat[(name,)] = flat.get((name,), 0) + number

    for (_, route, status), series in families.histograms.get("requests", {}).items():
        add("http_requests_total", series.count)
        add(f"http_status_{status}", series.count)
        add(f"endpoint_{_NO_NAME.sub('_', route).strip('_') or 'root'}", series.count)
        if route.startswith("api/"):
            add("api_requests_total", series.count)
    for (task, state), series in families.histograms.get("tasks", {}).items():
        add("celery_task_total", series.count)
        add(f"celery_task_{task}", series.count)
        if state in _OUTCOMES:
            add(f"celery_task_{state}", series.count)
            add(f"celery_task_{task}_{state}", series.count)
    for (kind,), number in families.counters.get("uploads", {}).items():
        add("uploads_total", number)
        add(f"uploads_{kind}", number)


def _prefix(family: str) -> str:
    return f"enginel:{{m:{family or 'counters'}}}:1:"


def _keys(family: str) -> tuple[str, str]:
    return f"{_prefix(family)}all", f"{_prefix(family)}seen"


def _series_of(raw: Mapping[bytes, bytes], size: int, percentiles: bool) -> dict[Labels, Series]:
    found: dict[bytes, Series] = {}
    for name, value in raw.items():
        try:
            if name[0] == _EXPONENTIAL and not percentiles:
                continue
            stat, _, labels = name.partition(b"|")
            series = found.get(labels)
            if series is None:
                series = found[labels] = Series()
            # Most fields by far are these two.
            if stat[0] == _EXPONENTIAL:
                series.exponential[int(stat[1:])] = int(value)
            elif stat[0] == _BUCKET:
                series.buckets[int(stat[1:])] = int(value)
            else:
                _set(series, stat.decode(), value)
        except (ValueError, IndexError):
            # What nobody can read, whoever wrote it, must not cost the page.
            continue
    named = ((tuple(labels.decode("utf-8", "replace").split("\x1f")), series) for labels, series in found.items())
    return {labels: series for labels, series in named if len(labels) == size}


def _set(series: Series, stat: str, value: bytes) -> None:
    if stat == "n":
        series.count = int(value)
    elif stat == "s":
        series.total_seconds = float(value)
    elif stat == "lo":
        series.min_seconds = float(value)
    elif stat == "hi":
        series.max_seconds = float(value)
    elif stat == "e":
        series.errors = int(value)
    else:
        seconds, now, exemplar = value.decode().split(" ", 2)
        series.exemplars[int(stat[2:])] = (exemplar, float(seconds), float(now))


def _add_counters(families: Families, raw: Mapping[bytes, bytes]) -> None:
    oldest = timezone.now().timestamp() - conf.gauge_seconds
    for name, value in raw.items():
        try:
            kind, _, key = name.decode().partition("|")
            if kind == "c":
                family, label = key.split("\x1f")
                number = float(value)
                families.counters.setdefault(family, {})[(label,)] = int(number) if number.is_integer() else number
            else:
                text, _, at = value.decode().partition(" ")
                if float(at) >= oldest:
                    families.gauges[key] = float(text)
        except (ValueError, OverflowError):
            # As above.
            continue
