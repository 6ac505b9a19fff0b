"""The directory section of an IGES file: type and parameter lines of each entity."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from designs.cad.iges_fields import Delimiters
from designs.cad.iges_lines import DATA_COLUMNS
from designs.cad.reasons import Damage

__all__ = ["PARAMETER_COLUMNS", "Directory", "Entry", "directory"]

PARAMETER_COLUMNS: Final = 64
"""Columns of a parameter line that hold parameters; a pointer to their entity follows."""

_MACRO: Final = 306
# Without those of finite elements and connections, which have strings.
_GEOMETRY: Final = frozenset((*range(100, 132), *range(140, 145), *range(150, 200), *range(502, 515)))
_FIRST_WORD: Final = re.compile(r" *\+?(\d{1,7}) *(?:\D|$)")
# Numbers stand to the right of their eight columns, or the columns are blank. The kernel reads no other form.
_TO_THE_RIGHT: Final = r"(?: {8}|.{7}\d)"
_PLAIN_FIRST: Final = re.compile(rf"{_TO_THE_RIGHT}{{8}}[ \d]{{7}}[ \d]")
_PLAIN_SECOND: Final = re.compile(rf"{_TO_THE_RIGHT}{{5}}.{{24}}{_TO_THE_RIGHT}")


@dataclass(frozen=True, slots=True)
class Entry:
    """An entity of the directory.

    Attributes:
        number: Number of its first line.
        first: Its first line.
        second: Its second line.
        start: Place of the first line of its parameters, from 0.
        count: How many lines hold them; none for an entity that was deleted.
    """

    number: int
    first: str
    second: str
    start: int
    count: int

    @property
    def kind(self) -> int:
        """Its type number."""
        return _number(self.first[:8]) or 0

    @property
    def is_geometry(self) -> bool:
        """Whether it is a curve, a surface, a solid or a topology entity. All parameters of these are numbers."""
        return bool(self.count) and self.kind in _GEOMETRY


@dataclass(frozen=True, slots=True)
class Directory:
    """The directory and the parameters of a file.

    Attributes:
        entries: The entities up to the first that contradicts its parameters.
        parameters: Lines of the parameters.
        damage: The first contradiction between directory and parameters.
    """

    entries: list[Entry]
    parameters: list[str]
    damage: tuple[Damage, ...]

    def data_of(self, entry: Entry) -> list[str]:
        """Return the columns that hold the parameters of an entity."""
        return _data(self.parameters, entry)

    def is_hard(self, entry: Entry, marks: Delimiters) -> bool:
        """Return whether a parameter record has syntax that the kernel misreads.

        The kernel misreads comment lines after the end of the record, blank lines, and numbers that continue on the
        next line. Strings that continue or that contain a delimiter match too; the only cost is a needless rewrite.
        """
        # A macro is a program and has its own delimiters.
        if entry.count < 2 or entry.kind == _MACRO:
            return False
        data = self.data_of(entry)
        ends = (marks.end, marks.separator, " ")
        return any(not line.strip(" ") for line in data) or any(
            marks.end in line or line[-1] not in ends for line in data[:-1]
        )

    def is_plain(self, marks: Delimiters) -> bool:
        """Return whether the kernel reads directory and parameters unchanged."""
        return all(map(_is_plain_pointer, self.parameters)) and not any(
            self.is_hard(entry, marks) or not _is_plain_entry(entry) for entry in self.entries
        )

    def is_complete(self, marks: Delimiters) -> bool:
        """Return whether directory and parameters agree and each parameter record has an end."""
        return not self.damage and all(
            not entry.count or any(marks.end in line for line in self.data_of(entry)) for entry in self.entries
        )


def directory(lines: list[str], parameters: list[str], marks: Delimiters) -> Directory:
    """Read the directory; each entry points at its own parameter lines, which point back at it."""
    entries: list[Entry] = []
    numbers = marks.numbers
    if any(not line[8:16].strip(" ") for line in lines[::2]):
        lines = _with_pointers(lines, parameters)
    for index in range(0, len(lines), 2):
        found = _entry(index, lines[index], lines[index + 1], parameters)
        if isinstance(found, Damage):
            return Directory(entries, parameters, (found,))
        if found.is_geometry and not numbers.match("".join(_data(parameters, found))):
            # The kernel skips such a parameter and returns wrong values.
            return Directory(
                entries, parameters, (_damage("parameters of geometry are no numbers", index, "P", "not_a_number"),)
            )
        entries.append(found)
    if sum(entry.count for entry in entries) != len(parameters):
        return Directory(entries, parameters, (Damage("parameters belong to no entity", "directory", section="P"),))
    return Directory(entries, parameters, ())


def _with_pointers(lines: list[str], parameters: list[str]) -> list[str]:
    """Return the directory with each blank pointer set to the first parameter line that points back."""
    places: dict[int | None, int] = {}
    for place, line in enumerate(parameters, 1):
        places.setdefault(_number(line[PARAMETER_COLUMNS:DATA_COLUMNS]), place)
    filled = list(lines)
    for index in range(0, len(lines), 2):
        if not lines[index][8:16].strip(" ") and index + 1 in places:
            filled[index] = f"{lines[index][:8]}{places[index + 1]:>8}{lines[index][16:]}"
    return filled


def _data(parameters: list[str], entry: Entry) -> list[str]:
    return [line[:PARAMETER_COLUMNS] for line in parameters[entry.start : entry.start + entry.count]]


def _entry(index: int, first: str, second: str, parameters: list[str]) -> Entry | Damage:
    kind, start, count = _number(first[:8]), _number(first[8:16]), _number(second[24:32])
    if kind == 0 and not start and not count:
        return Entry(index + 1, first, second, 0, 0)
    if start and count is None and not second[24:32].strip(" "):
        count = _pointing_at(index + 1, parameters, start - 1)
    is_repeated = first[:8] == second[:8] or not second[:8].strip(" ") or _number(second[:8]) == kind
    if kind is None or not is_repeated or not start or not count or start + count - 1 > len(parameters):
        return _damage("a directory entry contradicts itself", index, "D")
    lines = parameters[start - 1 : start - 1 + count]
    if not all(_points_at(line, index + 1) for line in lines):
        return _damage("parameters belong to another entity", index, "P")
    if _entity_type(lines) != kind:
        return _damage("parameters are those of another kind of entity", index, "P")
    return Entry(index + 1, first, second, start - 1, count)


def _damage(text: str, index: int, section: str, reason: str = "directory") -> Damage:
    return Damage(text, reason, entity=f"D{index + 1}", section=section)


def _points_at(line: str, number: int) -> bool:
    return _number(line[PARAMETER_COLUMNS:DATA_COLUMNS]) == number


def _pointing_at(number: int, parameters: list[str], start: int) -> int:
    """Return how many lines of parameters from ``start`` on point at an entity."""
    stop = start
    while stop < len(parameters) and _points_at(parameters[stop], number):
        stop += 1
    return stop - start


def _number(field: str) -> int | None:
    """Return the number in a field, None if it holds none."""
    text = field.strip(" ").removeprefix("+")
    return int(text) if text.isascii() and text.isdigit() else None


def _entity_type(lines: list[str]) -> int | None:
    """Return the type number that parameters begin with, None if they do not."""
    text = next((line for line in lines if line[:PARAMETER_COLUMNS].strip(" ")), "")
    leading = _FIRST_WORD.match(text[:PARAMETER_COLUMNS].rstrip())
    return int(leading[1]) if leading else None


def _is_plain_pointer(line: str) -> bool:
    # The kernel reads it from column 66 on.
    return line[PARAMETER_COLUMNS] in " 0" and line[DATA_COLUMNS - 1].isdigit()


def _is_plain_entry(entry: Entry) -> bool:
    return bool(
        _PLAIN_FIRST.match(entry.first) and _PLAIN_SECOND.match(entry.second) and entry.first[:8] == entry.second[:8]
    )
