"""Ledger of the sample run: failures it caused, and their expected records."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from designs.exceptions import EnginelBaseException
from enginel.sample.client import Answer

__all__ = ["Expected", "Ledger", "Look", "Recorded", "bare"]


@dataclass(frozen=True)
class Expected:
    """One failure that the run caused: the action, and the expected type and id of its record."""

    what: str
    error_type: str
    error_id: str


@dataclass(frozen=True)
class Recorded:
    """Occurrences recorded by the monitoring between two snapshots.

    Attributes:
        groups: The groups with new occurrences.
        counts: New occurrences by fingerprint; exact for any number of records.
        records: The new records that the ring still holds.
        complete: Whether these are all new records. A full ring drops records, new ones included.
    """

    groups: list[dict[str, Any]]
    counts: dict[str, int]
    records: list[dict[str, Any]]
    complete: bool

    def by_type(self) -> Counter[str]:
        """Return the number of new occurrences by type name without module."""
        counted: Counter[str] = Counter()
        for group in self.groups:
            counted[bare(group["type"])] += self.counts[group["fingerprint"]]
        return counted


@dataclass(frozen=True)
class Look:
    """Snapshot of the groups and the ring.

    Attributes:
        groups: All groups.
        records: The records in the ring.
        full: Whether the ring holds as many records as it can.
    """

    groups: list[dict[str, Any]]
    records: list[dict[str, Any]]
    full: bool

    def since(self, earlier: Look) -> Recorded:
        """Return the occurrences since an earlier snapshot."""
        totals = {group["fingerprint"]: int(group["total"]) for group in earlier.groups}
        counts: dict[str, int] = {}
        for group in self.groups:
            total, before = int(group["total"]), totals.get(group["fingerprint"], 0)
            # A group that expired in between restarted at 0.
            counts[group["fingerprint"]] = total - before if total >= before else total
        known = {record["event_id"] for record in earlier.records}
        return Recorded(
            [group for group in self.groups if counts[group["fingerprint"]]],
            {key: count for key, count in counts.items() if count},
            [record for record in self.records if record["event_id"] not in known],
            complete=not self.full,
        )


@dataclass
class Ledger:
    """Collects the failures caused and every deviation from the expected results. Thread-safe."""

    expected: list[Expected] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    good: int = 0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def failure(self, what: str, answer: Answer, kind: type[EnginelBaseException]) -> None:
        """Record a request that had to fail with this exception class."""
        if (answer.status, answer.code) != (kind.status_code, kind.default_code) or not answer.error_id:
            self.deviation(
                f"{what}: {kind.__name__} was due, the answer was {answer.status} {answer.code or answer.body}"
            )
        self._add(what, kind.__name__, answer.error_id)

    def task_failure(self, what: str, design: dict[str, Any], code: str, error_type: str) -> None:
        """Record a design whose processing had to fail with this code, recorded as this type."""
        error = design.get("error") or {}
        if design.get("status") != "failed" or error.get("code") != code or not error.get("id"):
            self.deviation(
                f"{what}: {code} was due, the design is {design.get('status')} with {error.get('code', 'no error')}"
            )
        self._add(what, error_type, str(error.get("id") or ""))

    def success(self, what: str, *, fine: bool, found: object = "") -> None:
        if fine:
            with self._lock:
                self.good += 1
        else:
            self.deviation(f"{what}: {found}")

    def deviation(self, text: str) -> None:
        with self._lock:
            self.wrong.append(text)

    def judge(self, recorded: Recorded) -> list[str]:
        """Compare with the monitoring's records: each failure exactly once, as its type, and nothing else."""
        verdict = list(self.wrong)
        types = {record["event_id"]: bare(record["error_type"]) for record in recorded.records}
        if len(types) != len(recorded.records):
            verdict.append(f"{len(recorded.records) - len(types)} records share an id")
        for ids, times in Counter(expected.error_id for expected in self.expected).items():
            if times > 1:
                verdict.append(f"{times} failures share the record {ids or '(none)'}")
        for expected in self.expected:
            missing = "nothing" if recorded.complete or not expected.error_id else expected.error_type
            found = types.pop(expected.error_id, missing)
            if found != expected.error_type:
                verdict.append(f"{expected.what}: recorded as {found}, due was {expected.error_type}")
        verdict.extend(f"a record without a cause: {kind} {event_id}" for event_id, kind in types.items())
        sent, counted = Counter(expected.error_type for expected in self.expected), recorded.by_type()
        verdict.extend(
            f"{kind}: {sent[kind]} failures sent, {counted[kind]} occurrences counted"
            for kind in sorted({*sent, *counted})
            if sent[kind] != counted[kind]
        )
        return verdict

    def _add(self, what: str, error_type: str, error_id: str) -> None:
        with self._lock:
            self.expected.append(Expected(what, error_type, error_id))


def bare(error_type: str) -> str:
    """Return a type's name without its module."""
    return error_type.rpartition(".")[2]
