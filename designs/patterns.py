"""Regular expressions that repeat groups possessively, right on every Python that we support. Pure.

Some releases of Python 3.11, that of Debian 12 among them, do not go back to where the last turn of a possessive
repetition of a group began when that turn fails half way: ``(?:x(?!y))*+xy`` does not match ``xy``. An atomic group
that holds the plain repetition means the same and is right there.
"""

from __future__ import annotations

import re
from typing import AnyStr

__all__ = ["compile_pattern", "with_atomic_groups"]

_IS_SOUND = re.match(r"(?:x(?!y))*+xy", "xy") is not None
_POSSESSIVE = re.compile(r"([*+?]|\{\d*,?\d*\})\+")


def compile_pattern(pattern: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Compile a pattern as `re.compile` does."""
    if _IS_SOUND:
        return re.compile(pattern, flags)
    if isinstance(pattern, bytes):
        return re.compile(with_atomic_groups(pattern.decode("latin-1")).encode("latin-1"), flags)
    return re.compile(with_atomic_groups(pattern), flags)


def with_atomic_groups(pattern: str) -> str:
    """Return the pattern with an atomic group in the place of each possessive repetition of a group."""
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
            # A bracket that comes first, or after a caret, is a character of the class.
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
