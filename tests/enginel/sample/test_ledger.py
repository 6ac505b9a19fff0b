"""The judgement of the sample run: each failure once, as its type, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from designs.exceptions import CorruptedFile, ITARViolation
from enginel.sample.client import Answer
from enginel.sample.ledger import Ledger


def answer(kind: type[CorruptedFile | ITARViolation] = CorruptedFile, error_id: str = "e1") -> Answer:
    return Answer(kind.status_code, {"code": kind.default_code, "error_id": error_id, "detail": "x"})


def record(error_id: str = "e1", error_type: str = "CorruptedFile") -> dict[str, Any]:
    return {"event_id": error_id, "error_type": error_type}


@pytest.fixture
def ledger() -> Ledger:
    ledger = Ledger()
    ledger.failure("a cut file", answer(), CorruptedFile)
    return ledger


def test_a_failure_recorded_once_as_its_type_is_right(ledger: Ledger) -> None:
    assert ledger.judge([record()]) == []


def test_a_failure_that_is_not_recorded_is_a_deviation(ledger: Ledger) -> None:
    assert ledger.judge([]) == ["a cut file: recorded as nothing, due was CorruptedFile"]


def test_a_record_of_another_type_is_a_deviation(ledger: Ledger) -> None:
    assert ledger.judge([record(error_type="builtins.ValueError")]) == [
        "a cut file: recorded as ValueError, due was CorruptedFile"
    ]


def test_a_record_nobody_caused_is_a_deviation(ledger: Ledger) -> None:
    assert ledger.judge([record(), record("e2", "KeyError")]) == ["a record nobody caused: KeyError e2"]


def test_two_failures_in_one_record_are_a_deviation(ledger: Ledger) -> None:
    ledger.failure("another cut file", answer(), CorruptedFile)

    assert "2 failures share the record e1" in ledger.judge([record()])


def test_a_record_listed_twice_is_a_deviation(ledger: Ledger) -> None:
    assert ledger.judge([record(), record()]) == ["1 records share an id"]


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
