"""The closing table of the sample run."""

from __future__ import annotations

from typing import Any

from designs.exceptions import CorruptedFile
from enginel.sample.client import Answer
from enginel.sample.ledger import Ledger
from enginel.sample.report import report

GROUP = {
    "fingerprint": "1:a",
    "type": "CorruptedFile",
    "severity": "WARNING",
    "site": "designs.exceptions.CorruptedFile in designs.cad.sniff.sniff",
    "parts": "[]",
    "first_seen_ms": "1000",
    "last_seen_ms": "61000",
}


def lines(records: list[dict[str, Any]], sent: int) -> list[str]:
    ledger = Ledger()
    for number in range(sent):
        ledger.failure("cut", Answer(400, {"code": "corrupted_file", "error_id": f"e{number}"}), CorruptedFile)
    return list(report(ledger, records, [GROUP, {**GROUP, "fingerprint": "1:other"}]))


def a_record(number: int) -> dict[str, Any]:
    return {"event_id": f"e{number}", "fingerprint": "1:a", "error_type": "designs.exceptions.CorruptedFile"}


def test_a_group_is_a_line_with_count_type_place_and_times() -> None:
    [_, line, *_] = lines([a_record(0), a_record(1)], sent=2)

    assert line.split() == ["2", "WARNING", "CorruptedFile", "cad.sniff.sniff", "00:00:01", "00:01:01"]


def test_groups_without_a_record_of_this_run_are_left_out() -> None:
    assert sum("cad.sniff" in line for line in lines([a_record(0)], sent=1)) == 1


def test_a_class_whose_counts_differ_is_pointed_at() -> None:
    assert any(line.endswith("<- differs") for line in lines([a_record(0)], sent=2))
    assert not any("differs" in line for line in lines([a_record(0)], sent=1))


def test_no_line_is_wider_than_a_terminal() -> None:
    assert max(map(len, lines([a_record(0)], sent=1))) <= 120
