"""The closing table of the sample run."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from enginel.sample.ledger import Ledger, bare

__all__ = ["report"]

_TYPE_CHARS = 26
_WHERE_CHARS = 44


def report(ledger: Ledger, records: list[dict[str, Any]], groups: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the lines: groups of this run's records, then sent against recorded for each exception class."""
    seen = Counter(record["fingerprint"] for record in records)
    yield _row("occurrences", "severity", "type", "where", "first", "last (UTC)")
    ours = [group for group in groups if group["fingerprint"] in seen]
    for group in sorted(ours, key=lambda group: (-seen[group["fingerprint"]], group["type"], group["fingerprint"])):
        first, last = _clock(group["first_seen_ms"]), _clock(group["last_seen_ms"])
        yield _row(str(seen[group["fingerprint"]]), group["severity"], bare(group["type"]), _where(group), first, last)
    yield ""
    yield f"  {'exception class':<{_TYPE_CHARS}} {'sent':>6} {'recorded':>9}"
    sent = Counter(expected.error_type for expected in ledger.expected)
    recorded = Counter(bare(record["error_type"]) for record in records)
    for kind in sorted({*sent, *recorded}):
        mark = "" if sent[kind] == recorded[kind] else "  <- differs"
        yield f"  {kind:<{_TYPE_CHARS}} {sent[kind]:>6} {recorded[kind]:>9}{mark}"
    yield f"  {'total':<{_TYPE_CHARS}} {sent.total():>6} {recorded.total():>9}"


def _row(occurrences: str, severity: str, kind: str, where: str, first: str, last: str) -> str:
    left = f"  {occurrences:>11}  {severity:<8} {kind[:_TYPE_CHARS]:<{_TYPE_CHARS}} "
    return f"{left}{where:<{_WHERE_CHARS}} {first:<8} {last}"


def _where(group: dict[str, Any]) -> str:
    _, _, place = group["site"].partition(" in ")
    facts = [part.removeprefix("custom ") for part in json.loads(group["parts"]) if part.startswith("custom ")]
    text = f"{place or '(no own frame)'} {' '.join(facts)}".removeprefix("designs.").strip()
    return text if len(text) <= _WHERE_CHARS else f"{text[: _WHERE_CHARS - 3]}..."


def _clock(milliseconds: str) -> str:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC).strftime("%H:%M:%S")
