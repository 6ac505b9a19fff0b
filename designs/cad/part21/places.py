"""Human-readable position of a failure in a file: line, entity, section."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from designs.patterns import compile_pattern

__all__ = ["place_of"]

_FIRST_WORD: Final = compile_pattern(
    rb"(?: [\t-\r\x20]++ | /\* [^*]*+ (?: \*(?!/) [^*]*+ )*+ \*/ )*+ (\#[0-9]{1,20}+(?![0-9]))?+", re.VERBOSE
)
_SECTIONS: Final = frozenset({"HEADER", "ANCHOR", "REFERENCE", "DATA"})


def place_of(data: bytes, statement: int, section: bytes, details: Mapping[str, Any]) -> dict[str, Any]:
    """Return the place of a failure, without the facts that ``details`` already has.

    Args:
        statement: Start of the faulty statement, blanks included.
        section: Section of the statement.
        details: Facts of the failure; ``position`` is its position in the statement.
    """
    first = _FIRST_WORD.match(data, statement)
    name = first[1] if first else None
    begin = first.start(1) if first and name else first.end() if first else statement
    position = max(begin, int(details.get("position", begin)))
    place: dict[str, Any] = {"line": _line(data, position)}
    if name:
        place["entity"] = name.decode("ascii")
    if (title := section.decode("ascii")) in _SECTIONS:
        place["section"] = title
    return {**place, **details}


def _line(data: bytes, position: int) -> int:
    """Return the line number of a position; in a file without line feeds, lines end in a carriage return."""
    return 1 + (data.count(b"\n", 0, position) or data.count(b"\r", 0, position))
