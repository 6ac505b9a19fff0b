"""Benchmark of a page of 700 histograms, beside reading them from Redis and beside prometheus_client's page.

Method. One process; embedded Valkey on a unix socket. The batches of 2 and then of 200 processes are merged into the
store, as flushers do; in all they have the same 14,000 requests of 700 routes, distributed evenly. Then, in alternating
rounds (`timing`, wall time of single calls): HGETALL of the requests' hash; our page, as a scrape makes it from the
store; prometheus_client's page of the same store; and its page from the files of 2 and 20 processes, each with all
histograms, since 200 take minutes.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

import redis
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import CollectorRegistry

from benchmarks.timing import alternate, show
from designs.monitoring.exposition.metrics_page import Scrape, page_of
from designs.monitoring.metrics import LE_BOUNDS_SECONDS, read_families
from designs.monitoring.metrics.buckets import Series, fold
from designs.monitoring.metrics.metric_store import merge
from designs.monitoring.metrics.registry import Batch
from enginel.local.valkey import EmbeddedValkey
from integrations.redis import FailFastRedis

__all__ = ["run"]

SERIES = 700
REQUESTS_EACH = 20
PROCESSES = (2, 200)
FILES = (2, 20)
LABELS = ("method", "route", "status")
MARKS = (*map(str, LE_BOUNDS_SECONDS), "+Inf")
NAME = "enginel_http_request_duration_seconds"
KEY = "enginel:{m:requests}:1:all"


def _labels(number: int) -> tuple[str, str, str]:
    return ("GET", f"api/series/{number}/<uuid:key>/", "200")


def _fill(gateway: FailFastRedis, processes: int) -> None:
    gateway.run(lambda client: client.flushdb())
    chance = random.Random(7)
    batches = [Batch() for _ in range(processes)]
    for number in range(SERIES):
        durations = [chance.lognormvariate(-4, 1) for _ in range(REQUESTS_EACH)]
        shares = min(processes, REQUESTS_EACH)
        for share in range(shares):
            series = Series()
            fold(series, durations[share::shares])
            batches[(number * shares + share) % processes].series[_labels(number)] = series
    for process, batch in enumerate(batches):
        merge(gateway, "requests", batch, token=f"{process:016x}", sequence=1)


def _our_page(gateway: FailFastRedis) -> bytes:
    return page_of(Scrape(families=read_families(gateway, percentiles=False), bounds=LE_BOUNDS_SECONDS)).text()


class _Collector:
    """The histograms of the store, for prometheus_client."""

    def __init__(self, gateway: FailFastRedis) -> None:
        self.gateway = gateway

    def collect(self) -> Iterator[HistogramMetricFamily]:
        family = HistogramMetricFamily(NAME, "Durations.", labels=LABELS)
        for labels, series in read_families(self.gateway, percentiles=False).histograms["requests"].items():
            pairs = list(zip(MARKS, map(float, accumulate(series.buckets)), strict=True))
            family.add_metric(labels, buckets=pairs, sum_value=series.total_seconds)
        yield family


def _write_files(folder: Path, processes: int) -> None:
    for process in range(processes):
        values = MmapedDict(str(folder / f"histogram_{process}.db"))
        for number in range(SERIES):
            labels = _labels(number)
            for mark in MARKS:
                key = mmap_key(NAME, f"{NAME}_bucket", (*LABELS, "le"), (*labels, mark), "Durations.")
                values.write_value(key, 1.0, 0.0)
            values.write_value(mmap_key(NAME, f"{NAME}_sum", LABELS, labels, "Durations."), 0.5, 0.0)
        values.close()


def run(server: EmbeddedValkey) -> None:
    """Print the time of each page."""
    gateway = FailFastRedis(server.url)
    with redis.Redis.from_url(server.url) as client:
        registry = CollectorRegistry()
        registry.register(_Collector(gateway))  # type: ignore[arg-type]
        for processes in PROCESSES:
            _fill(gateway, processes)
            results = alternate(
                {
                    "HGETALL alone": lambda: client.hgetall(KEY),
                    "our page": lambda: _our_page(gateway),
                    "prometheus_client's page of the store": lambda: generate_latest(registry),
                },
                calls=5,
            )
            title = f"Page of {SERIES} histograms of {processes} processes, {client.hlen(KEY)} fields"
            show(title, results, base="HGETALL alone")
        client.flushdb()
    for processes in FILES:
        with tempfile.TemporaryDirectory(prefix="enginel-bench-") as folder:
            _write_files(Path(folder), processes)
            files = CollectorRegistry()
            MultiProcessCollector(files, folder)
            page = alternate({f"{processes} files": lambda files=files: generate_latest(files)}, calls=1)
            show(f"prometheus_client's page of {SERIES} histograms from the files of as many processes", page)
