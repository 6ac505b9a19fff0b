"""Benchmark of redaction on hostile texts: twice the text should take twice the time.

The measure is the least CPU time of some rounds: other work on the machine makes it longer, never shorter.
"""

from __future__ import annotations

import time

from benchmarks.timing import ROUNDS
from designs.monitoring.redaction import redact_text
from tests.support.hostile_text import HOSTILE_TEXTS

__all__ = ["run"]

_SHOWN = 5


def run() -> None:
    grown = [(_milliseconds(text(2)) / (once := _milliseconds(text(1))), once, text(1)) for text in HOSTILE_TEXTS]
    print(f"\nRedaction of {len(HOSTILE_TEXTS)} hostile texts, once and twice as long: the fastest growing")
    for ratio, once, text in sorted(grown, reverse=True)[:_SHOWN]:
        print(f"  {text[:40]!r:<52} least {once:>8.2f} ms   x {ratio:.2f} for twice the text")
    print(f"  slowest: {max(once for _, once, _ in grown):.1f} ms")


def _milliseconds(text: str) -> float:
    taken: list[int] = []
    for _ in range(ROUNDS):
        began = time.thread_time_ns()
        redact_text(text)
        taken.append(time.thread_time_ns() - began)
    return min(taken) / 1e6
