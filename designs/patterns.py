"""Regular expressions with possessive repetitions of groups, correct on every supported Python. Pure.

Some releases of Python 3.11, that of Debian 12 among them, do not backtrack to the start of the last iteration of a
possessive repetition of a group if that iteration fails half way: ``(?:x(?!y))*+xy`` does not match ``xy``. An atomic
group around the plain repetition has the same meaning and is correct there.
"""

from __future__ import annotations

import re
from typing import AnyStr

__all__ = ["compile_pattern", "with_atomic_groups"]

_IS_SOUND = re.match(r"(?:x(?!y))*+xy", "xy") is not None
_POSSESSIVE = re.compile(r"([*+?]|\{\d*,?\d*\})\+")


def compile_pattern(pattern: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Compile a pattern like `re.compile`, with atomic groups where possessive repetitions are incorrect."""
    if _IS_SOUND:
        return re.compile(pattern, flags)
    if isinstance(pattern, bytes):
        return re.compile(with_atomic_groups(pattern.decode("latin-1")).encode("latin-1"), flags)
    return re.compile(with_atomic_groups(pattern), flags)


def with_atomic_groups(pattern: str) -> str:
    """Return the pattern with each possessive repetition of a group replaced by an atomic group."""
    pieces: list[str] = []
    begins: list[int] = []
    at, is_in_class = 0, False
    while at < len(pattern):
        char = pattern[at]
        pieces.append(pattern[at : at + 2] if char == "\\" else char)
        at += len(pieces[-1])
        if is_in_class:
            is_in_class = char != "]"
        elif char == "[":
            is_in_class = True
            # A closing bracket at the start, or after a caret, is a character of the class.
            first = re.compile(r"\^?\]?").match(pattern, at)
            pieces.append(first[0] if first else "")
            at += len(pieces[-1])
        elif char == "(":
            begins.append(len(pieces) - 1)
        elif char == ")":
            begin = begins.pop()
            if possessive := _POSSESSIVE.match(pattern, at):
                pieces[begin] = f"(?>{pieces[begin]}"
                pieces.append(f"{possessive[1]})")
                at = possessive.end()
    return "".join(pieces)
