"""Text for terminals: of bounded width, and without characters that a terminal would interpret."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

__all__ = ["clean", "fit", "sparkline", "width_of", "wrap"]

_BLOCKS = "▁▂▃▄▅▆▇█"
_ASCII_BLOCKS = ".:-=+*#@"
_SPACES = "\t\n\v\f\r\x85\u2028\u2029"
# Controls, formats (bidi marks, joiners), surrogates, private and unassigned: a terminal obeys or cannot draw them.
_NOT_SHOWN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_MARKS = frozenset({"Mn", "Me"})
_MAX_MARKS = 2


def clean(text: str) -> str:
    """Return the text as one harmless line."""
    shown: list[str] = []
    marks = 0
    for char in unicodedata.normalize("NFC", text):
        category = unicodedata.category(char)
        marks = marks + 1 if category in _MARKS else 0
        if char in _SPACES or category == "Zs":
            shown.append(" ")
        elif category in _NOT_SHOWN:
            shown.append("?")
        elif "\ufe00" <= char <= "\ufe0f" or char == "\u20e3" or marks > _MAX_MARKS:
            continue  # would widen the character before it, or pile up on it
        else:
            shown.append(char)
    return "".join(shown)


def width_of(text: str) -> int:
    """Return the width of a clean text, in columns."""
    return sum(_columns(char) for char in text)


def fit(text: str, width: int, *, pad: bool = False) -> str:
    """Return the cleaned text, cut to a width; with ``pad``, filled up to it."""
    line = next(wrap(text, width, cut=True), "")
    return line + " " * (width - width_of(line)) if pad else line


def wrap(text: str, width: int, *, cut: bool = False) -> Iterator[str]:
    """Yield the cleaned text in lines of at most ``width`` columns; with ``cut`` only the first, ended by ``...``."""
    line, used = "", 0
    for char in clean(text):
        columns = _columns(char)
        if used + columns > width:
            if cut:
                while line and used > width - 3:
                    used -= _columns(line[-1])
                    line = line[:-1]
                line += "..."[:width]
            yield line
            if cut:
                return
            line, used = "", 0
        line, used = line + char, used + columns
    yield line


def sparkline(counts: Sequence[int], encoding: str | None = "utf-8") -> str:
    """Return one column for each count, a space for zero; in ASCII if the encoding has no block characters."""
    try:
        _BLOCKS.encode(encoding or "ascii")
        blocks = _BLOCKS
    except (UnicodeEncodeError, LookupError):
        blocks = _ASCII_BLOCKS
    most = max(counts, default=0)
    return "".join(blocks[-(-count * len(blocks) // most) - 1] if count > 0 else " " for count in counts)


def _columns(char: str) -> int:
    if unicodedata.category(char) in _MARKS:
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
