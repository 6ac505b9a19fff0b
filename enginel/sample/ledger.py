"""What the sample run sent and what must have come of it."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from designs.exceptions import EnginelBaseException
from enginel.sample.client import Answer

__all__ = ["Expected", "Ledger"]


@dataclass(frozen=True)
class Expected:
    """One failure that was caused: what was done, which type it must be recorded as, and under which id."""

    what: str
    error_type: str
    error_id: str


@dataclass
class Ledger:
    """Collects failures caused, and every deviation from what had to happen. Safe for threads."""

    expected: list[Expected] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    good: int = 0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def failure(self, what: str, answer: Answer, kind: type[EnginelBaseException]) -> None:
        """Note a request that had to fail with this exception class."""
        if (answer.status, answer.code) != (kind.status_code, kind.default_code) or not answer.error_id:
            self.deviation(
                f"{what}: {kind.__name__} was due, the answer was {answer.status} {answer.code or answer.body}"
            )
        self._add(what, kind.__name__, answer.error_id)

    def task_failure(self, what: str, design: dict[str, Any], code: str, error_type: str) -> None:
        """Note a design whose processing had to fail with this code, recorded as this type."""
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

    def judge(self, records: list[dict[str, Any]]) -> list[str]:
        """Compare with the records of this run: each failure exactly once, as its type, and nothing else."""
        verdict = list(self.wrong)
        types = {record["event_id"]: bare(record["error_type"]) for record in records}
        if len(types) != len(records):
            verdict.append(f"{len(records) - len(types)} records share an id")
        for ids, times in Counter(expected.error_id for expected in self.expected).items():
            if times > 1:
                verdict.append(f"{times} failures share the record {ids or '(none)'}")
        for expected in self.expected:
            found = types.pop(expected.error_id, "nothing")
            if found != expected.error_type:
                verdict.append(f"{expected.what}: recorded as {found}, due was {expected.error_type}")
        verdict.extend(f"a record nobody caused: {kind} {event_id}" for event_id, kind in types.items())
        return verdict

    def _add(self, what: str, error_type: str, error_id: str) -> None:
        with self._lock:
            self.expected.append(Expected(what, error_type, error_id))


def bare(error_type: str) -> str:
    """Return a type's name without its module."""
    return error_type.rpartition(".")[2]
