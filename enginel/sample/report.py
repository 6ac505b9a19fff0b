"""The closing table of the sample run, in 80 columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from designs.terminal_text import fit
from enginel.sample.ledger import Ledger, Recorded, bare

__all__ = ["report"]

_WIDTH = 80
_TYPE_CHARS = 26
# Version, colon and eight digits: `manage.py errors show` accepts a prefix of the key.
_KEY_CHARS = 10


def report(ledger: Ledger, recorded: Recorded) -> Iterator[str]:
    """Yield the lines: the groups with new occurrences, then sent against recorded for each exception class."""
    yield _row("count", "severity", "type", "key", "message")
    counts = recorded.counts
    for group in sorted(recorded.groups, key=lambda group: (-counts[group["fingerprint"]], group["type"])):
        yield _group(group, counts[group["fingerprint"]])
    yield ""
    yield f"  {'exception class':<{_TYPE_CHARS}} {'sent':>6} {'recorded':>9}"
    sent, found = Counter(expected.error_type for expected in ledger.expected), recorded.by_type()
    for kind in sorted({*sent, *found}):
        mark = "" if sent[kind] == found[kind] else "  <- differs"
        yield f"  {kind:<{_TYPE_CHARS}} {sent[kind]:>6} {found[kind]:>9}{mark}"
    yield f"  {'total':<{_TYPE_CHARS}} {sent.total():>6} {found.total():>9}"


def _group(group: dict[str, Any], count: int) -> str:
    return _row(str(count), group["severity"], bare(group["type"]), group["fingerprint"], group["message"])


def _row(count: str, severity: str, kind: str, key: str, message: str) -> str:
    left = f"{count:>5} {severity:<8} {kind[:_TYPE_CHARS]:<{_TYPE_CHARS}} {key[:_KEY_CHARS]:<{_KEY_CHARS}} "
    return fit(left + message, _WIDTH)
