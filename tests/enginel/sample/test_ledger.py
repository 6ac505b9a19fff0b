"""The judgement of the sample run: each failure once, as its type, and nothing else."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from designs.exceptions import CorruptedFile, ITARViolation
from enginel.sample.client import Answer
from enginel.sample.ledger import Ledger, Look, Recorded


def answer(kind: type[CorruptedFile | ITARViolation] = CorruptedFile, error_id: str = "e1") -> Answer:
    return Answer(kind.status_code, {"code": kind.default_code, "error_id": error_id, "detail": "x"})


def record(error_id: str = "e1", error_type: str = "CorruptedFile") -> dict[str, Any]:
    return {"event_id": error_id, "error_type": error_type}


def recorded(*records: dict[str, Any], complete: bool = True) -> Recorded:
    """What a look finds whose groups count these records."""
    counts = Counter(record["error_type"] for record in records)
    groups = [{"fingerprint": kind, "type": kind, "total": str(count)} for kind, count in counts.items()]
    return Recorded(groups, dict(counts), list(records), complete)


@pytest.fixture
def ledger() -> Ledger:
    ledger = Ledger()
    ledger.failure("a cut file", answer(), CorruptedFile)
    return ledger


def test_a_failure_recorded_once_as_its_type_is_right(ledger: Ledger) -> None:
    assert ledger.judge(recorded(record())) == []


def test_a_failure_that_is_not_recorded_is_a_deviation(ledger: Ledger) -> None:
    assert ledger.judge(recorded()) == [
        "a cut file: recorded as nothing, due was CorruptedFile",
        "CorruptedFile: 1 failures sent, 0 occurrences counted",
    ]


def test_a_record_of_another_type_is_a_deviation(ledger: Ledger) -> None:
    assert ledger.judge(recorded(record(error_type="builtins.ValueError"))) == [
        "a cut file: recorded as ValueError, due was CorruptedFile",
        "CorruptedFile: 1 failures sent, 0 occurrences counted",
        "ValueError: 0 failures sent, 1 occurrences counted",
    ]


def test_a_record_without_a_cause_is_a_deviation(ledger: Ledger) -> None:
    assert ledger.judge(recorded(record(), record("e2", "KeyError"))) == [
        "a record without a cause: KeyError e2",
        "KeyError: 0 failures sent, 1 occurrences counted",
    ]


def test_two_failures_in_one_record_are_a_deviation(ledger: Ledger) -> None:
    ledger.failure("another cut file", answer(), CorruptedFile)

    assert "2 failures share the record e1" in ledger.judge(recorded(record()))


def test_a_record_listed_twice_is_a_deviation(ledger: Ledger) -> None:
    assert "1 records share an id" in ledger.judge(recorded(record(), record()))


def test_a_record_that_a_full_ring_dropped_is_judged_by_its_group(ledger: Ledger) -> None:
    groups = recorded(record()).groups

    assert ledger.judge(Recorded(groups, {groups[0]["type"]: 1}, [], complete=False)) == []
    assert ledger.judge(Recorded(groups, {groups[0]["type"]: 2}, [], complete=False)) == [
        "CorruptedFile: 1 failures sent, 2 occurrences counted"
    ]


def test_what_an_earlier_run_left_is_not_counted(ledger: Ledger) -> None:
    group = {"fingerprint": "1:a", "type": "designs.exceptions.CorruptedFile"}
    before = Look([{**group, "total": "7"}], [record("old")], full=False)
    after = Look([{**group, "total": "8"}], [record("old"), record()], full=False)

    assert ledger.judge(after.since(before)) == []


@pytest.mark.parametrize("wrong", [answer(ITARViolation), answer(error_id=""), Answer(201, {"id": "1"})])
def test_an_answer_of_another_kind_or_without_an_id_is_a_deviation(wrong: Answer) -> None:
    ledger = Ledger()

    ledger.failure("a cut file", wrong, CorruptedFile)

    assert len(ledger.wrong) == 1


@pytest.mark.parametrize(
    "design",
    [
        {"status": "ready", "error": None},
        {"status": "failed", "error": {"code": "task_timeout", "id": "e1"}},
        {"status": "failed", "error": {"code": "corrupted_file", "id": ""}},
    ],
)
def test_a_design_that_did_not_fail_as_due_is_a_deviation(design: dict[str, Any]) -> None:
    ledger = Ledger()

    ledger.task_failure("a cut file", design, "corrupted_file", "CorruptedFile")

    assert len(ledger.wrong) == 1


def test_a_good_case_that_went_wrong_is_a_deviation() -> None:
    ledger = Ledger()

    ledger.success("bolt.step", fine=True)
    ledger.success("nut.step", fine=False, found="0 solids")

    assert (ledger.good, ledger.wrong) == (1, ["nut.step: 0 solids"])
