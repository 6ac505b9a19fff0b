"""The closing table of the sample run."""

from __future__ import annotations

from designs.exceptions import CorruptedFile
from enginel.sample.client import Answer
from enginel.sample.ledger import Ledger, Recorded
from enginel.sample.report import report

GROUP = {
    "fingerprint": "1:abcdef0123456789abcdef0123456789",
    "type": "CorruptedFile",
    "severity": "WARNING",
    "message": "The file ends in the middle of a line, and this text goes on beyond the terminal.",
}


def lines(count: int, sent: int) -> list[str]:
    ledger = Ledger()
    for number in range(sent):
        ledger.failure("cut", Answer(400, {"code": "corrupted_file", "error_id": f"e{number}"}), CorruptedFile)
    return list(report(ledger, Recorded([GROUP], {GROUP["fingerprint"]: count}, [], complete=False)))


def test_a_group_is_a_line_with_count_type_key_and_message() -> None:
    [_, line, *_] = lines(2, sent=2)

    assert line.split()[:5] == ["2", "WARNING", "CorruptedFile", "1:abcdef01", "The"]


def test_a_class_whose_counts_differ_is_pointed_at() -> None:
    assert any(line.endswith("<- differs") for line in lines(1, sent=2))
    assert not any("differs" in line for line in lines(1, sent=1))


def test_no_line_is_wider_than_a_terminal() -> None:
    assert max(map(len, lines(1, sent=1))) == 80
