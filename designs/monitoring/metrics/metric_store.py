"""Redis store of all processes' measurements: one hash per family, one merge per family and flush, one read.

There are few families and their keys are known, so no key is ever searched for. Each family has its own hash tag: a
cluster distributes the families, and each merge stays on one node. A read takes one round trip.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from django.utils import timezone

from designs.conf import conf
from designs.monitoring.metrics.buckets import Series
from designs.monitoring.metrics.names import (
    BYTES_UPLOADED,
    has_flat_task_name,
    is_api,
    is_built_in,
    is_upload_type,
    resource_of,
)
from designs.monitoring.metrics.registry import Batch, as_payload
from integrations.redis import FailFastRedis, Script

__all__ = ["COUNTERS", "HISTOGRAMS", "Families", "add_derived", "merge", "read_families"]

_MERGE_METRICS = Script("designs.monitoring.metrics", "merge_metrics")

Labels = tuple[str, ...]

HISTOGRAMS = {"requests": 3, "operations": 1, "tasks": 2, "tracked_tasks": 2, "task_queue": 1}
"""Families of durations, with the number of their labels: method, route, status · operation · task, state · name, state
(counted explicitly inside another task) · task."""

COUNTERS = ""
"""The family of counters and gauges."""

# Series of this family expire one by one when they get no new durations.
_RECENT_ONLY = "operations"
_GUARD_SECONDS = 172_800
_OUTCOMES = ("SUCCESS", "FAILED", "RETRY")
_EXPONENTIAL, _BUCKET = b"xb"


@dataclass
class Families:
    """Measurements of all processes.

    Attributes:
        histograms: Series by family and labels, see `HISTOGRAMS`.
        counters: ``flat`` (name), ``slow`` (operation), ``uploads`` (file type), ``refused`` (reason), ``self`` (name).
        gauges: Gauges updated in the last five minutes.
        age_seconds: Time since the last flush of any process; None if there was none.
        is_known: Whether the store answered.
    """

    histograms: dict[str, dict[Labels, Series]] = field(default_factory=dict)
    counters: dict[str, dict[Labels, float]] = field(default_factory=dict)
    gauges: dict[str, float] = field(default_factory=dict)
    age_seconds: float | None = None
    is_known: bool = True


def merge(redis: FailFastRedis, family: str, batch: Batch, *, token: str, sequence: int) -> None:
    """Add a batch to its family.

    Args:
        redis: Client of the store.
        family: One of `HISTOGRAMS`, or `COUNTERS`.
        batch: Measurements to add.
        token: Unique id of this process.
        sequence: Number of the batch; the store adds each number only once.

    Raises:
        RedisUnavailable: Redis does not answer; the batch may have been added.
    """
    now = timezone.now().timestamp()
    is_recent_only = int(family == _RECENT_ONLY)
    args = [sequence, json.dumps(as_payload(batch)), _kept_seconds(family), now, _GUARD_SECONDS, is_recent_only]
    redis.script(_MERGE_METRICS, [*_keys(family), f"{_prefix(family)}guard:{token}"], args)


def read_families(redis: FailFastRedis, *, percentiles: bool = True) -> Families:
    """Return all measurements, in one round trip.

    Args:
        redis: Client of the store.
        percentiles: Whether to parse the exponential buckets, which are most of the data; without them, a /metrics
            page takes a fifth less time.

    Raises:
        RedisUnavailable: Redis does not answer.
    """

    def read(client: Any) -> list[dict[bytes, bytes]]:
        pipe = client.pipeline(transaction=False)
        for family in (*HISTOGRAMS, COUNTERS):
            pipe.hgetall(_keys(family)[0])
        return list(pipe.execute())

    *durations, others = _without_expired(redis.run(read))
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
    """Add the documented flat counters that follow from other families: requests, tasks and uploads."""
    flat = families.counters.setdefault("flat", {})
    for names, number in chain(_of_requests(families), _of_tasks(families), _of_uploads(families)):
        for name in names:
            flat[(name,)] = flat.get((name,), 0) + number


def _of_requests(families: Families) -> Iterator[tuple[list[str], float]]:
    for (_, route, status), series in families.histograms.get("requests", {}).items():
        names = ["http_requests_total", f"http_status_{status}"]
        if resource := resource_of(route):
            names.append(f"endpoint_{resource}")
        if is_api(route):
            names.append("api_requests_total")
        yield names, series.count


def _of_tasks(families: Families) -> Iterator[tuple[list[str], float]]:
    """Yield the totals of runs, and the flat names of tasks: of runs and of explicit counts inside them."""
    for (_, state), series in families.histograms.get("tasks", {}).items():
        yield ["celery_task_total", *([f"celery_task_{state}"] if state in _OUTCOMES else [])], series.count
    for family in ("tasks", "tracked_tasks"):
        for (task, state), series in families.histograms.get(family, {}).items():
            if has_flat_task_name(task):
                name = f"celery_task_{task}"
                yield [name, *([f"{name}_{state}"] if state in _OUTCOMES else [])], series.count


def _of_uploads(families: Families) -> Iterator[tuple[list[str], float]]:
    for (kind,), number in families.counters.get("uploads", {}).items():
        yield ["uploads_total", *([f"uploads_{kind}"] if is_upload_type(kind) else [])], number


def _without_expired(raw_families: list[dict[bytes, bytes]]) -> Iterator[dict[bytes, bytes]]:
    """Yield each family, empty if it has expired by the application's clock: expiry in Redis only bounds memory."""
    now = timezone.now().timestamp()
    for family, raw in zip((*HISTOGRAMS, COUNTERS), raw_families, strict=True):
        yield raw if now - float(raw.get(b"at", now)) <= _kept_seconds(family) else {}


def _kept_seconds(family: str) -> int:
    return conf.operation_stats_seconds if family == _RECENT_ONLY else conf.metrics_seconds


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
            # By far the most frequent fields come first.
            if stat[0] == _EXPONENTIAL:
                series.exponential[int(stat[1:])] = int(value)
            elif stat[0] == _BUCKET:
                series.buckets[int(stat[1:])] = int(value)
            else:
                _set(series, stat.decode(), value)
        except (ValueError, IndexError):
            # One unreadable field must not break the whole page.
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
                if family == "flat" and label != BYTES_UPLOADED and is_built_in(label):
                    # An earlier release allowed applications to write built-in names.
                    continue
                number = float(value)
                families.counters.setdefault(family, {})[(label,)] = int(number) if number.is_integer() else number
            else:
                text, _, at = value.decode().partition(" ")
                if float(at) >= oldest and not is_built_in(key):
                    families.gauges[key] = float(text)
        except (ValueError, OverflowError):
            # One unreadable field must not break the whole page.
            continue
