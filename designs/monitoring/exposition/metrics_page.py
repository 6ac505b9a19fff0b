"""Content of the /metrics page: documented flat names, which start at zero, and labelled ``enginel_`` names. Pure.

A flat name has no labels, so the documented queries divide one series by one. The same fact with labels has its own
name, so a sum over a name never counts twice. A documented name without a value is 0, never absent: a counter that
first appears during a burst shows no increase, and a comparison with an absent gauge never fires.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from designs.monitoring.errors.delivery_counts import account_of
from designs.monitoring.metrics.names import DOCUMENTED, STORAGE_GAUGES, is_api
from integrations.prometheus import Histograms, Kind, Labels, Metric, Page, Series, metric_name

__all__ = ["DOCUMENTED", "Families", "Scrape", "page_of"]

_PREFIX = "enginel_"
_HEALTH = {"healthy": 1.0, "degraded": 0.5, "unhealthy": 0.0}


class Families(Protocol):
    """The measurements of the metrics store."""

    @property
    def histograms(self) -> Mapping[str, Mapping[Labels, Series]]: ...
    @property
    def counters(self) -> Mapping[str, Mapping[Labels, float]]: ...
    @property
    def gauges(self) -> Mapping[str, float]: ...


@dataclass(frozen=True)
class Scrape:
    """All inputs of a page."""

    families: Families
    bounds: tuple[float, ...]
    workers: int = 0
    queue_depth: int | None = None
    flush_age_seconds: float | None = None
    totals: Mapping[str, int] = field(default_factory=dict)
    health: Mapping[str, str] = field(default_factory=dict)
    delivery: Mapping[str, object] = field(default_factory=dict)
    storage: Mapping[str, float] = field(default_factory=dict)
    release: str = ""


def page_of(scrape: Scrape) -> Page:
    """Return the page with all metrics of a scrape."""
    page = Page()
    for metric in _metrics(scrape):
        page.add(metric)
    # Last, so that an application's name never replaces a documented one.
    omitted = sum(not page.add(metric) for metric in _application_metrics(scrape.families))
    refused = omitted + sum(scrape.families.counters.get("refused", {}).values())
    page.add(_gauge("metrics_names_refused", "Measurements and names refused: the name is taken.", {(): refused}))
    return page


def _metrics(scrape: Scrape) -> Iterator[Metric | Histograms]:
    yield from _documented(scrape)
    yield from _requests(scrape)
    yield from _operations(scrape)
    yield from _tasks(scrape)
    yield from _errors(scrape.totals)
    yield from _sentry_delivery(scrape.delivery)
    components: dict[Labels, float] = {
        (name,): _HEALTH[status] for name, status in scrape.health.items() if status in _HEALTH
    }
    yield _gauge("component_health", "1 healthy, 0.5 degraded, 0 unhealthy.", components, ("component",))
    yield from _metrics_of_metrics(scrape)
    yield _gauge("build_info", "Release of this process.", {(scrape.release,): 1}, ("release",))


def _documented(scrape: Scrape) -> Iterator[Metric | Histograms]:
    flat = scrape.families.counters.get("flat", {})
    for name, text in DOCUMENTED.items():
        yield Metric(name, "counter" if name.endswith("_total") else "untyped", text, {(): flat.get((name,), 0)})
    yield Metric("celery_workers_active", "gauge", "Workers that are alive.", {(): scrape.workers})
    for name, text in STORAGE_GAUGES.items():
        yield Metric(name, "gauge", text, {(): scrape.storage.get(name, 0)})
    yield Histograms(
        "api_request_duration", "Seconds that requests below /api/ took.", scrape.bounds, {(): _api_duration(scrape)}
    )


@dataclass
class _Sum:
    """Sum of several histograms."""

    buckets: list[int]
    total_seconds: float = 0.0
    exemplars: dict[int, tuple[str, float, float]] = field(default_factory=dict)

    def add(self, series: Series) -> None:
        self.buckets = [mine + theirs for mine, theirs in zip(self.buckets, series.buckets, strict=True)]
        self.total_seconds += series.total_seconds
        for bucket, exemplar in series.exemplars.items():
            if bucket not in self.exemplars or exemplar[2] > self.exemplars[bucket][2]:
                self.exemplars[bucket] = exemplar


def _api_duration(scrape: Scrape) -> _Sum:
    whole = _Sum([0] * (len(scrape.bounds) + 1))
    for (_, route, _), series in scrape.families.histograms.get("requests", {}).items():
        if is_api(route):
            whole.add(series)
    return whole


def _requests(scrape: Scrape) -> Iterator[Metric | Histograms]:
    series = scrape.families.histograms.get("requests", {})
    labels = ("method", "route", "status")
    counts = {key: sum(one.buckets) for key, one in series.items()}
    yield _counter("http_requests", "HTTP requests answered, by route.", counts, labels)
    yield _histograms(scrape, "http_request_duration_seconds", "Duration of requests.", series, labels)
    uploads = scrape.families.counters.get("uploads", {})
    yield _counter("uploads", "Files uploaded, by type.", uploads, ("file_type",))


def _operations(scrape: Scrape) -> Iterator[Metric | Histograms]:
    series = scrape.families.histograms.get("operations", {})
    failures = {key: float(getattr(one, "errors", 0)) for key, one in series.items()}
    yield _histograms(scrape, "operation_duration_seconds", "Duration of operations.", series, ("operation",))
    yield _counter("operation_errors", "Operations that failed.", failures, ("operation",))
    slow = scrape.families.counters.get("slow", {})
    yield _counter("slow_operations", "Operations over their threshold.", slow, ("operation",))


def _tasks(scrape: Scrape) -> Iterator[Metric | Histograms]:
    series = scrape.families.histograms.get("tasks", {})
    labels = ("task", "state")
    counts = {key: sum(one.buckets) for key, one in series.items()}
    yield _counter("tasks", "Task runs, by final state.", counts, labels)
    yield _histograms(scrape, "task_duration_seconds", "Run time of tasks.", series, labels)
    tracked = scrape.families.histograms.get("tracked_tasks", {})
    text = "Durations that running tasks recorded explicitly."
    yield _histograms(scrape, "tracked_task_duration_seconds", text, tracked, labels)
    waits = scrape.families.histograms.get("task_queue", {})
    yield _histograms(scrape, "task_queue_seconds", "Time that tasks waited for a worker.", waits, ("task",))
    if scrape.queue_depth is not None:
        yield _gauge("task_queue_depth", "Tasks waiting for a worker.", {(): scrape.queue_depth})


def _errors(totals: Mapping[str, int]) -> Iterator[Metric]:
    by_kind: dict[Labels, float] = {}
    for name, count in totals.items():
        if name.startswith("by:") and name.count("|") >= 2:
            kind, severity, source = name[3:].rsplit("|", 2)
            by_kind[kind, severity, source] = count
    occurrences, forwarded = totals.get("occurrences", 0), totals.get("forwarded", 0)
    decisions: dict[Labels, float] = {("forwarded",): forwarded, ("counted",): max(occurrences - forwarded, 0)}
    yield _counter("errors", "Errors, by kind, severity and source.", by_kind, ("kind", "severity", "source"))
    yield _counter("error_occurrences", "Errors in total.", {(): occurrences})
    yield _counter(
        "gate_decisions", "Errors by gate decision: forwarded to Sentry, or only counted.", decisions, ("decision",)
    )
    account = account_of(totals)
    untold: dict[Labels, float] = {(reason,): number for reason, number in account.untold.items()}
    yield _counter("error_occurrences_told", "Errors that forwarded events represent.", {(): account.told})
    yield _gauge(
        "error_occurrences_pending", "Errors that the next event of their group represents.", {(): account.pending}
    )
    yield _counter("error_occurrences_untold", "Errors that no event represents, by reason.", untold, ("reason",))
    yield _counter("error_groups", "Error groups created.", {(): totals.get("groups", 0)})
    evicted = totals.get("groups_evicted", 0)
    yield _counter("error_groups_evicted", "Error groups evicted because the limit was reached.", {(): evicted})


def _sentry_delivery(facts: Mapping[str, object]) -> Iterator[Metric]:
    if not facts or facts.get("store") == "away":
        return
    dropped = facts.get("dropped")
    dropped = dropped if isinstance(dropped, dict) else {}
    reasons: dict[Labels, float] = {(str(reason),): _value(count) for reason, count in dropped.items()}
    yield _counter("sentry_accepted", "Events that Sentry accepted.", {(): _value(facts.get("accepted"))})
    yield _counter("sentry_dropped", "Events dropped, by reason.", reasons, ("reason",))
    # Starts at 0, unlike the counter of a reason, so that an alert sees the first loss.
    yield _counter("sentry_losses", "Events dropped in total.", {(): sum(reasons.values())})
    yield _gauge("sentry_outbox_depth", "Events queued for Sentry.", {(): _value(facts.get("outbox_depth"))})
    age = _value(facts.get("outbox_oldest_seconds"))
    yield _gauge("sentry_outbox_age_seconds", "Age of the oldest queued event.", {(): age})
    yield _gauge("sentry_spool_depth", "Events queued on disk.", {(): _value(facts.get("spool_depth"))})
    rejected = _value(facts.get("dead_letters"))
    yield _gauge("sentry_dead_letters", "Events that Sentry rejected permanently.", {(): rejected})
    if isinstance(facts.get("reachable"), bool):
        text = "Whether the last request to Sentry got an answer."
        yield _gauge("sentry_reachable", text, {(): float(bool(facts["reachable"]))})


_TEXTS_OF_SELF = {
    "series_dropped": "Measurements dropped because there were too many series.",
    "flush_errors": "Flushes of measurements to Redis that failed.",
}


def _metrics_of_metrics(scrape: Scrape) -> Iterator[Metric]:
    counters: dict[Labels, float] = dict.fromkeys(((name,) for name in _TEXTS_OF_SELF), 0)
    for (name,), value in (counters | dict(scrape.families.counters.get("self", {}))).items():
        text = _TEXTS_OF_SELF.get(name, "Internal counter of the metrics subsystem.")
        yield _counter(f"metrics_{metric_name(name)}", text, {(): value})
    refused: dict[Labels, float] = {("built_in",): 0}
    reasons = refused | dict(scrape.families.counters.get("refused", {}))
    yield _counter("metrics_refusals", "Measurements refused because of their name, by reason.", reasons, ("reason",))
    if scrape.flush_age_seconds is not None:
        age: dict[Labels, float] = {(): scrape.flush_age_seconds}
        yield _gauge("metrics_flush_age_seconds", "Time since a process last flushed measurements.", age)


def _application_metrics(families: Families) -> Iterator[Metric]:
    """Yield the counters and gauges of the application; counters whose names become equal are summed."""
    counters: dict[str, float] = defaultdict(float)
    for (raw,), value in families.counters.get("flat", {}).items():
        if raw not in DOCUMENTED:
            counters[metric_name(raw)] += value
    for name, value in sorted(counters.items()):
        kind: Kind = "counter" if name.endswith("_total") else "untyped"
        yield Metric(name, kind, "A counter of the application.", {(): value})
    for raw, value in sorted(families.gauges.items()):
        if raw not in STORAGE_GAUGES:
            yield Metric(metric_name(raw), "gauge", "A gauge of the application.", {(): value})


def _value(number: object) -> float:
    return float(number) if isinstance(number, int | float) else 0.0


def _counter(name: str, text: str, samples: Mapping[Labels, float], labels: Labels = ()) -> Metric:
    return Metric(f"{_PREFIX}{name}_total", "counter", text, samples, labels)


def _gauge(name: str, text: str, samples: Mapping[Labels, float], labels: Labels = ()) -> Metric:
    return Metric(f"{_PREFIX}{name}", "gauge", text, samples, labels)


def _histograms(scrape: Scrape, name: str, text: str, series: Mapping[Labels, Series], labels: Labels) -> Histograms:
    return Histograms(f"{_PREFIX}{name}", text, scrape.bounds, series, labels)
