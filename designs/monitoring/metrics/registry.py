"""Registry of this process's measurements until they are flushed: series of durations, counters, gauges. Hot path.

Recording appends to a list. The flusher folds durations into buckets a second later. Threads may record at any time:
appending to a list and cutting its front are each atomic, and only one thread cuts.

The lock is reentrant: a signal handler or a finalizer may interrupt its own thread and record a measurement. So loops
run over copies, and no value is read before a call and written after it.
"""

from __future__ import annotations

import math
import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from designs.conf import conf
from designs.monitoring.metrics.buckets import Series, fold, le_index
from designs.monitoring.untrusted.text import clean_text

__all__ = ["OVERFLOW", "Batch", "Registry", "Timed", "as_payload", "label_of"]

OVERFLOW = "__overflow__"
"""Label of measurements that arrive when there are too many series."""

Labels = tuple[str, ...]
_MOST = 2**62
_MAX_LABEL_CHARS = 200


def label_of(value: object) -> str:
    """Return a value as a label: bounded, without the store's label separator, and valid for any JSON reader."""
    text = str(value)[: 2 * _MAX_LABEL_CHARS]
    if not (text.isascii() and text.isprintable()):
        text = clean_text(text)
    return text.replace("|", "")[:_MAX_LABEL_CHARS]


class Timed:
    """Durations of one series in this process.

    Attributes:
        values: Durations not folded yet, at most `MAX_VALUES`. Hot paths append to it and call `make_room`
            themselves, as `add` does.
    """

    MAX_VALUES = 4_096

    __slots__ = ("exemplars", "failures", "folded", "labels", "registry", "values")

    def __init__(self, registry: Registry, labels: Labels) -> None:
        self.registry = registry
        self.labels = labels
        self.values: list[float] = []
        self.failures: list[None] = []
        self.folded = Series()
        self.exemplars: dict[int, tuple[str, float, float]] = {}

    def add(self, seconds: float) -> None:
        values = self.values
        values.append(seconds)
        if len(values) >= self.MAX_VALUES:
            self.make_room()

    def make_room(self) -> None:
        """Fold the durations appended so far."""
        self.registry.fold(self)

    def add_failed(self, seconds: float) -> None:
        self.failures.append(None)
        self.add(seconds)

    def remember(self, exemplar: str, seconds: float, now: float) -> None:
        """Keep an example of a duration: the newest of each bucket."""
        self.exemplars[le_index(seconds)] = (exemplar, seconds, now)

    def fold(self) -> None:
        """Move the durations appended so far into the buckets; the caller holds the registry's lock."""
        number, failed = len(self.values), len(self.failures)
        # A failure is appended before its duration: never more failures than durations.
        taken = self.values[:number]
        del self.values[:number]
        del self.failures[:failed]
        fold(self.folded, taken)
        self.folded.errors += failed


class Batch:
    """Measurements of one family that are sent together."""

    __slots__ = ("counters", "gauges", "series")

    def __init__(self) -> None:
        self.series: dict[Labels, Series] = {}
        self.counters: dict[Labels, float] = defaultdict(int)
        self.gauges: dict[str, tuple[float, float]] = {}

    def __bool__(self) -> bool:
        return bool(self.series or self.counters or self.gauges)


class Registry:
    """All series of this process by family. Each lookup and each counter or gauge update calls ``on_first``."""

    def __init__(self, on_first: Callable[[], None] = lambda: None) -> None:
        self.timed: dict[str, dict[Labels, Timed]] = {}
        # For callers on hot paths that must not build labels for each measurement: by a key of their choice.
        self.found: dict[Any, Timed] = {}
        # Separate from requests, because an application chooses the names of operations.
        self.operations: dict[Any, Timed] = {}
        self.on_first = on_first
        self.reset()

    def reset(self) -> None:
        """Drop all measurements; in a forked child they belong to the parent."""
        self.lock = threading.RLock()
        self._folding = 0
        for family in self.timed.values():
            # Cleared, not replaced: callers hold references.
            family.clear()
        self.found.clear()
        self.operations.clear()
        self.counters: dict[Labels, float] = defaultdict(int)
        self.gauges: dict[str, tuple[float, float]] = {}
        # Names of all counters and gauges, flushed or not: each counts as a series until the process ends.
        self.names: set[Labels] = set()
        self.refused = 0

    def family(self, name: str) -> dict[Labels, Timed]:
        """Return the series of a family, by labels."""
        return self.timed.setdefault(name, {})

    def series(self, family: str, labels: Labels) -> Timed:
        """Return a series; create it if needed, or return the family's overflow series if there are too many."""
        known = self.family(family)
        labels = tuple(map(label_of, labels))
        with self.lock:
            found = known.get(labels)
            if found is None:
                if self._is_full():
                    self.refused += 1
                    labels = (OVERFLOW,) * len(labels)
                found = known.get(labels) or known.setdefault(labels, Timed(self, labels))
        self.on_first()
        return found

    def count(self, family: str, labels: Labels, value: float) -> None:
        """Add to a counter.

        Raises:
            ValueError: The value is not a number, or is negative or too large.
        """
        if not (isinstance(value, int | float) and 0 <= value <= _MOST):
            raise ValueError(f"a counter cannot grow by {value!r}")
        key = (family, *map(label_of, labels))
        with self.lock:
            if not self._has_room(key):
                key = (family, *(OVERFLOW,) * len(labels))
            self.counters[key] += value
        self.on_first()

    def gauge(self, name: str, value: float, now: float) -> None:
        """Set a gauge.

        Raises:
            ValueError: The value is not a finite number.
        """
        if not (isinstance(value, int | float) and math.isfinite(value)):
            raise ValueError(f"a gauge cannot be {value!r}")
        name = label_of(name)
        with self.lock:
            if self._has_room(("gauge", name)):
                self.gauges[name] = (float(value), now)
        self.on_first()

    def fold(self, timed: Timed) -> None:
        if self._folding == threading.get_ident():
            return
        with self.lock:
            self._folding = threading.get_ident()
            try:
                timed.fold()
            finally:
                self._folding = 0

    def take(self, family: str) -> Batch:
        """Remove and return a family's measurements. The family ``""`` holds the counters and gauges."""
        batch = Batch()
        if self._folding == threading.get_ident():
            return batch
        with self.lock:
            if not family:
                batch.counters, self.counters = self.counters, defaultdict(int)
                batch.gauges, self.gauges = self.gauges, {}
                if self.refused:
                    batch.counters["self", "series_dropped"] = self.refused
                    self.refused = 0
                return batch
            self._folding = threading.get_ident()
            try:
                for labels, timed in list(self.family(family).items()):
                    timed.fold()
                    if timed.folded.count:
                        timed.folded.exemplars, timed.exemplars = timed.exemplars, {}
                        batch.series[labels], timed.folded = timed.folded, Series()
            finally:
                self._folding = 0
        return batch

    def _has_room(self, name: Labels) -> bool:
        if name in self.names:
            return True
        if self._is_full():
            self.refused += 1
            return False
        self.names.add(name)
        return True

    def _is_full(self) -> bool:
        return sum(map(len, list(self.timed.values()))) + len(self.names) >= conf.metrics_max_series


def as_payload(batch: Batch) -> list[list[Any]]:
    """Return a batch as plain lists for JSON, in the format of ``merge_metrics.lua``."""
    series = [
        [1, "\x1f".join(labels), one.count, one.total_seconds, one.min_seconds, one.max_seconds, one.errors,
         [[place, number] for place, number in enumerate(one.buckets) if number],
         list(map(list, one.exponential.items())),
         [[place, f"{seconds!r} {now!r} {name}"] for place, (name, seconds, now) in one.exemplars.items()]]
        for labels, one in batch.series.items()
    ]  # fmt: skip
    counters = [["\x1f".join(labels), repr(value), isinstance(value, int)] for labels, value in batch.counters.items()]
    return [series, counters, [[name, f"{value!r} {now!r}"] for name, (value, now) in batch.gauges.items()]]
