"""What the labels of the table demand of the keys."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from tests.designs.monitoring.grouping_table.model import Case

__all__ = ["differing_events", "split_bugs", "wrong_merges"]

Found = Mapping[str, Mapping[str, Any]]


def split_bugs(case: Case, found: Found) -> list[str]:
    """Return the mutations that have another key than the program whose bug they show."""
    first: dict[str, str] = {}
    wrong = []
    for name, bug in case.bugs.items():
        leader = first.setdefault(bug, name)
        if _key(found[case.name][name]) != _key(found[case.name][leader]):
            wrong.append(_both(f"one bug, two keys: {leader} / {name}", found[case.name], leader, name))
    return wrong


def wrong_merges(cases: Iterable[Case], found: Found) -> list[str]:
    """Return the keys that stand for several bugs, in one case or in two."""
    by_key: dict[str, dict[str, str]] = defaultdict(dict)
    for case in cases:
        for name, bug in case.bugs.items():
            if name not in case.merged:
                by_key[_key(found[case.name][name])].setdefault(bug, f"{case.name} / {name}")
    return [f"{len(bugs)} bugs, one key: {'; '.join(bugs.values())}" for bugs in by_key.values() if len(bugs) > 1]


def differing_events(case: Case, found: Found) -> list[str]:
    """Return the programs whose event has another key than the live failure."""
    made = found[case.name]
    return [_both(f"live / event: {name}", made[name], "live", "event") for name in case.bugs if _differs(made[name])]


def _differs(made: Mapping[str, Any]) -> bool:
    return bool(made["live"]["key"] != made["event"]["key"])


def _key(made: Mapping[str, Any]) -> str:
    return str(made["live"]["key"])


def _both(what: str, made: Mapping[str, Any], first: str, second: str) -> str:
    one, two = (made[name].get("live", made[name])["parts"] for name in (first, second))
    return "\n".join(
        [what, *(f"  - {part}" for part in one if part not in two), *(f"  + {part}" for part in two if part not in one)]
    )
