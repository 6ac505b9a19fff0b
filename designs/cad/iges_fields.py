"""Free-format text of an IGES file: fields between delimiters; counted strings (``4HTEXT``) may contain delimiters."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from designs.patterns import compile_pattern

__all__ = ["Delimiters", "FieldError", "delimiters", "folded", "split_fields"]

_COUNTED: Final = re.compile(r" *(\d{1,7})H")
_NOT_BLANK: Final = re.compile(r"[^ ]|$")
_UNFIT: Final = frozenset(string.digits + " +-.DEHdeh")
_NUMBER: Final = r"[-+]?+(?:[0-9]++\.?+[0-9]*+|\.[0-9]++)(?:[EDed][-+]?+[0-9]++)?+"


class FieldError(ValueError):
    """The text is no sequence of fields."""


@dataclass(frozen=True, slots=True)
class Delimiters:
    """The marks between fields and at the end of a record."""

    separator: str
    end: str

    @property
    def pattern(self) -> re.Pattern[str]:
        """Matches either of the two, or the end of the text."""
        return re.compile(f"[{re.escape(self.separator + self.end)}]|$")

    @property
    def numbers(self) -> re.Pattern[str]:
        """Matches a record of numbers, any of which may be left out."""
        field = rf" *+(?:{_NUMBER})?+ *+"
        return compile_pattern(rf"(?:{field}{re.escape(self.separator)})*+{field}{re.escape(self.end)}")


def delimiters(text: str) -> tuple[Delimiters, int]:
    """Return the delimiters that a global section states in its first two fields, and where the third begins.

    Either field may be left out, and the section may end after it.

    Raises:
        FieldError: When it states none, or a character that no delimiter may be.
    """
    separator, position = _delimiter(text, 0, ",", ";")
    if text[position - 1] != separator:
        return Delimiters(separator, ";"), position - 1
    end, position = _delimiter(text, position, ";", separator)
    if end == separator:
        raise FieldError
    return Delimiters(separator, end), position - (text[position - 1] == end)


def _delimiter(text: str, position: int, default: str, other: str) -> tuple[str, int]:
    """Return the delimiter stated at ``position``, and the position behind the delimiter that ends this field."""
    start = _skip_blanks(text, position)
    found = default
    if text.startswith("1H", start):
        found = text[start + 2 : start + 3]
        if not found or found in _UNFIT or not (found.isascii() and found.isprintable()):
            raise FieldError
        start = _skip_blanks(text, start + 3)
    if text[start : start + 1] not in {found, other}:
        raise FieldError
    return found, start + 1


def split_fields(text: str, position: int, marks: Delimiters) -> Iterator[tuple[int, int, bool]]:
    """Yield start, end and "is a counted string" of each field, up to the end of the record.

    Blanks around a field are left out, and so is the count of a string.

    Raises:
        FieldError: When a string has another length than it states, or the record has no end.
    """
    pattern = marks.pattern
    while True:
        counted = _COUNTED.match(text, position)
        if counted:
            start, end = counted.end(), counted.end() + int(counted[1])
            stop = _skip_blanks(text, end)
        else:
            found = pattern.search(text, position)
            stop = found.start() if found else len(text)
            start = min(_skip_blanks(text, position), stop)
            end = start + len(text[start:stop].rstrip(" "))
        if stop >= len(text) or not pattern.match(text, stop):
            raise FieldError
        yield start, end, counted is not None
        if text[stop] == marks.end:
            return
        position = stop + 1


def folded(fields: list[str], marks: Delimiters, width: int) -> list[str]:
    """Return a record in lines of at most ``width`` columns; only a string longer than a line continues on the next."""
    rows, row = [], ""
    for index, text in enumerate(fields):
        piece = text + (marks.end if index == len(fields) - 1 else marks.separator)
        if row and len(row) + len(piece) > width:
            rows.append(row)
            row = ""
        row += piece
        while len(row) > width:
            rows.append(row[:width])
            row = row[width:]
    return [*rows, row]


def _skip_blanks(text: str, position: int) -> int:
    found = _NOT_BLANK.search(text, position)
    return found.start() if found else len(text)
