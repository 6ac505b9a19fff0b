"""Exposition formats of Prometheus: text 0.0.4 and OpenMetrics 1.0. Pure functions: metrics in, bytes out.

prometheus_client is not used: its page of 700 histograms takes some 150 ms, and its totals stay in one process. Between
scrapes only the numbers of a histogram's lines change, so its text is cached as a template.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate
from typing import Literal, Protocol

__all__ = [
    "OPENMETRICS",
    "TEXT",
    "Histograms",
    "Kind",
    "Labels",
    "Metric",
    "Page",
    "Series",
    "metric_name",
    "wants_openmetrics",
]

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
TEXT = "text/plain; version=0.0.4; charset=utf-8"

Kind = Literal["counter", "gauge", "untyped"]
Labels = tuple[str, ...]

_NAME_MAX_CHARS = 200
_OUTSIDE_OF_NAMES = re.compile(r"[^a-zA-Z0-9_]")
# Id of an exemplar. OpenMetrics allows 128 characters for all labels of an exemplar.
_EXEMPLAR_ID = re.compile(r"[0-9A-Za-z._-]{1,64}\Z")
# A double represents all integers up to here exactly.
_EXACT = 2**53


class Series(Protocol):
    """A histogram of one set of labels."""

    @property
    def total_seconds(self) -> float: ...
    @property
    def buckets(self) -> Sequence[int]:
        """Counts per bucket, not cumulative; one more than bounds."""
        ...

    @property
    def exemplars(self) -> Mapping[int, tuple[str, float, float]]:
        """By bucket: id of an occurrence, its value, its Unix time."""
        ...


@dataclass(frozen=True)
class Metric:
    """A counter, gauge or untyped metric. The name of a counter ends with ``_total``."""

    name: str
    kind: Kind
    help: str
    samples: Mapping[Labels, float]
    labels: Labels = ()


@dataclass(frozen=True)
class Histograms:
    """A histogram metric."""

    name: str
    help: str
    bounds: tuple[float, ...]
    series: Mapping[Labels, Series]
    labels: Labels = ()
    exemplar_label: str = "trace_id"


@dataclass
class Page:
    """A page under construction. Metrics appear in the order in which they were added."""

    metrics: list[Metric | Histograms] = field(default_factory=list)
    _taken: set[str] = field(default_factory=set)

    def add(self, metric: Metric | Histograms) -> bool:
        """Add a metric, unless one of its names is on the page already; return whether it was added."""
        names = _names_of(metric)
        if not self._taken.isdisjoint(names):
            return False
        self._taken.update(names)
        self.metrics.append(metric)
        return True

    def text(self) -> bytes:
        """Return the page in Prometheus' text format."""
        return "".join(_rendered(self.metrics, openmetrics=False)).encode()

    def openmetrics(self) -> bytes:
        """Return the page as OpenMetrics, with exemplars."""
        return "".join([*_rendered(self.metrics, openmetrics=True), "# EOF\n"]).encode()


def metric_name(raw: str) -> str:
    """Return the nearest valid metric name; colons are reserved for recording rules."""
    name = _OUTSIDE_OF_NAMES.sub("_", raw[:_NAME_MAX_CHARS])
    return f"_{name}" if name[:1].isdigit() else name or "_"


def wants_openmetrics(accept: str) -> bool:
    """Return whether an Accept header prefers OpenMetrics to plain text."""
    weights = {"application/openmetrics-text": 0.0, "text/plain": 0.0, "*/*": 0.0}
    for offer in accept[:1000].lower().split(","):
        kind, *parameters = (part.strip() for part in offer.split(";"))
        facts = dict(parameter.partition("=")[::2] for parameter in parameters)
        if kind in weights and facts.get("version", "1.0.0") in {"1.0.0", "0.0.1", "0.0.4"}:
            weights[kind] = max(weights[kind], _weight(facts.get("q", "1")))
    return weights["application/openmetrics-text"] > max(weights["text/plain"], 0.0)


def _weight(text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        return 0.0
    return weight if 0 <= weight <= 1 else 0.0


def _names_of(metric: Metric | Histograms) -> set[str]:
    if isinstance(metric, Histograms):
        return {metric.name, *(f"{metric.name}_{part}" for part in ("bucket", "sum", "count", "created"))}
    if metric.kind == "counter":
        base = metric.name.removesuffix("_total")
        return {base, metric.name, f"{base}_created"}
    return {metric.name}


def _rendered(metrics: Iterable[Metric | Histograms], *, openmetrics: bool) -> Iterable[str]:
    for metric in metrics:
        yield _head(metric, openmetrics)
        if isinstance(metric, Histograms):
            yield from _histogram_lines(metric, openmetrics)
        else:
            for values, value in metric.samples.items():
                yield f"{metric.name}{_label_text(metric.labels, values)} {_number(value)}\n"


def _head(metric: Metric | Histograms, openmetrics: bool) -> str:
    name = metric.name
    kind: str = "histogram" if isinstance(metric, Histograms) else metric.kind
    if openmetrics and kind == "counter":
        name = name.removesuffix("_total")
    if openmetrics and kind == "untyped":
        kind = "unknown"
    text = metric.help.replace("\\", r"\\").replace("\n", r"\n")
    if openmetrics:
        text = text.replace('"', r"\"")
    return f"# HELP {name} {text}\n# TYPE {name} {kind}\n"


def _histogram_lines(metric: Histograms, openmetrics: bool) -> Iterable[str]:
    for values, series in metric.series.items():
        template = _histogram_template(metric.name, metric.labels, values, metric.bounds)
        counts = tuple(accumulate(series.buckets))
        # The count must agree with the last bucket, so it is taken from there.
        text = template % (*counts, counts[-1], series.total_seconds)
        if openmetrics and series.exemplars:
            text = _with_exemplars(text, metric, series)
        yield text


@lru_cache(maxsize=4096)
def _histogram_template(name: str, labels: Labels, values: Labels, bounds: tuple[float, ...]) -> str:
    inner = _label_text(labels, values).strip("{}").replace("%", "%%")
    prefix = f"{inner}," if inner else ""
    outer = f"{{{inner}}}" if inner else ""
    # Both formats write a bound the same way, so that a bucket keeps its ``le`` when a server changes the format.
    marks = [*(repr(float(bound)) for bound in bounds), "+Inf"]
    lines = [f'{name}_bucket{{{prefix}le="{mark}"}} %d\n' for mark in marks]
    return "".join([*lines, f"{name}_count{outer} %d\n", f"{name}_sum{outer} %r\n"])


def _with_exemplars(text: str, metric: Histograms, series: Series) -> str:
    lines = text.split("\n")
    edges = (-math.inf, *metric.bounds, math.inf)
    for bucket, (occurrence, value, moment) in series.exemplars.items():
        fits = 0 <= bucket <= len(metric.bounds) and edges[bucket] < value <= edges[bucket + 1]
        if fits and _EXEMPLAR_ID.match(occurrence):
            lines[bucket] += f' # {{{metric.exemplar_label}="{occurrence}"}} {value!r} {moment:.3f}'
    return "\n".join(lines)


@lru_cache(maxsize=8192)
def _label_text(labels: Labels, values: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{label}="{_escaped(value)}"' for label, value in zip(labels, values, strict=True)) + "}"


def _escaped(value: str) -> str:
    # A lone surrogate cannot be encoded, and one label must not fail the page.
    value = value.encode("utf-8", "replace").decode()
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if float(value).is_integer() and abs(value) < _EXACT:
        return str(int(value))
    return repr(float(value))
