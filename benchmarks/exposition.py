"""What a page of 700 histograms costs, beside reading it from Redis and beside prometheus_client's page of the same.

Method. One process; embedded Valkey on a unix socket holds one hash with 15 fields a series, which is read in one
command in each case. Contenders run in alternating rounds (`timing`); wall time of single calls.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

import redis
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import CollectorRegistry

from benchmarks.timing import alternate, show
from enginel.local.valkey import EmbeddedValkey
from integrations.prometheus import Histograms, Page

__all__ = ["run"]

SERIES = 700
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
LABELS = ("method", "route", "status")
KEY = "{bench}histograms"


@dataclass
class Stored:
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    total_seconds: float = 0.0
    exemplars: dict[int, tuple[str, float, float]] = field(default_factory=dict)


def fill(client: redis.Redis) -> None:
    fields: dict[str, str] = {}
    for number in range(SERIES):
        name = f"GET\x1fapi/series/{number}/<uuid:key>/\x1f200"
        fields |= {f"{name}\x1f{bucket}": str(number * 7 + bucket) for bucket in range(len(BOUNDS) + 1)}
        fields |= {f"{name}\x1fsum": str(number / 3), f"{name}\x1fmin": "0.001", f"{name}\x1fmax": "9.5"}
    client.hset(KEY, mapping=fields)


def read(client: redis.Redis) -> dict[tuple[str, ...], Stored]:
    found: dict[tuple[str, ...], Stored] = defaultdict(Stored)
    for raw, value in client.hgetall(KEY).items():
        *labels, what = raw.decode().split("\x1f")
        series = found[tuple(labels)]
        if what == "sum":
            series.total_seconds = float(value)
        elif what.isdigit():
            series.buckets[int(what)] = int(value)
    return found


def our_page(client: redis.Redis) -> bytes:
    page = Page()
    page.add(Histograms("enginel_http_request_duration_seconds", "Durations.", BOUNDS, read(client), LABELS))
    return page.text()


class Collector:
    """The same for prometheus_client."""

    def __init__(self, client: redis.Redis) -> None:
        self.client = client

    def collect(self) -> Iterator[HistogramMetricFamily]:
        family = HistogramMetricFamily("enginel_http_request_duration_seconds", "Durations.", labels=LABELS)
        marks = [*map(str, BOUNDS), "+Inf"]
        for labels, series in read(self.client).items():
            counts = [sum(series.buckets[: end + 1]) for end in range(len(marks))]
            pairs = list(zip(marks, map(float, counts), strict=True))
            family.add_metric(labels, buckets=pairs, sum_value=series.total_seconds)
        yield family


def run(server: EmbeddedValkey) -> None:
    with redis.Redis.from_url(server.url) as client:
        fill(client)
        registry = CollectorRegistry()
        registry.register(Collector(client))  # type: ignore[arg-type]
        results = alternate(
            {
                "HGETALL alone": lambda: client.hgetall(KEY),
                "our page": lambda: our_page(client),
                "prometheus_client's page": lambda: generate_latest(registry),
            },
            calls=5,
        )
        show(f"Page of {SERIES} histograms", results, base="HGETALL alone")
