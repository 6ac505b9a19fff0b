"""IGES files (ANSI US PRO/IPO-100, version 5.3): the 80-column structure, and the unit it states."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from designs.cad.files import read_regular
from designs.cad.reasons import Damage
from designs.cad.units import LengthUnit
from designs.exceptions import CorruptedFile, InvalidFileFormat, UnitConversionError

__all__ = ["IgesScan", "scan_iges"]

_MAX_BYTES: Final = 512 * 1024 * 1024
_SECTIONS: Final = "SGDPT"
_DATA_COLUMNS: Final = 72
_PARAMETER_COLUMNS: Final = 64
_UNIT_FLAG: Final = 14
_UNIT_NAME: Final = 15
# Section 2.2.4.3.14 and .15 of the specification: flag, names, millimetres.
_UNITS: Final = (
    (1, {"IN", "INCH"}, "inch", 25.4),
    (2, {"MM"}, "millimetre", 1.0),
    (4, {"FT"}, "foot", 304.8),
    (5, {"MI"}, "mile", 1_609_344.0),
    (6, {"M"}, "metre", 1000.0),
    (7, {"KM"}, "kilometre", 1_000_000.0),
    (8, {"MIL"}, "mil", 0.0254),
    (9, {"UM"}, "micrometre", 0.001),
    (10, {"CM"}, "centimetre", 10.0),
    (11, {"UIN"}, "microinch", 25.4e-6),
)
_NAME_DECIDES: Final = 3


@dataclass(frozen=True, slots=True)
class IgesScan:
    """An IGES file that can be read.

    Attributes:
        unit: Its length unit; assumed to be the inch, the default of the format, when it states none.
        entity_count: Entities in the directory.
        line_counts: Lines of the sections S, G, D and P.
        damage: Where directory and parameters contradict each other, the first time only; nothing if they
            do not. It does not end the scan: what the kernel makes of it decides how the file fails.
        needs_rewrite: The file holds what the standard allows and the kernel does not read.
        warnings: What is odd although acceptable, as texts for the design's readers.
    """

    unit: LengthUnit
    entity_count: int
    line_counts: tuple[int, int, int, int]
    damage: tuple[str, ...] = ()
    needs_rewrite: bool = False
    warnings: tuple[str, ...] = ()


def scan_iges(path: Path) -> IgesScan:
    """Check the structure of an IGES file and read its unit.

    Raises:
        CorruptedFile: When columns, sections, sequence numbers and counts do not fit together.
        InvalidFileFormat: When it is no regular file or a binary or compressed IGES file.
        UnitConversionError: When it names a unit the format does not know.
        FileSizeExceeded: When it is larger than 512 MiB.
        OSError: When it is missing or cannot be read.
    """
    data = read_regular(path, stage="scan", max_bytes=_MAX_BYTES)
    if b"\0" in data:
        raise _corrupted("The file holds NUL bytes.", "nul")
    sections = _sections(_lines(data))
    _check_terminate(sections)
    return IgesScan(
        unit=_unit(_global_fields("".join(line[:_DATA_COLUMNS] for line in sections["G"]))),
        entity_count=len(sections["D"]) // 2,
        line_counts=(len(sections["S"]), len(sections["G"]), len(sections["D"]), len(sections["P"])),
        damage=_directory_damage(sections["D"], sections["P"]),
    )


def _lines(data: bytes) -> list[str]:
    lines = re.split(r"\r\n|\n|\r", data.decode("latin-1"))
    while lines and not lines[-1].strip(" \t\x1a"):
        lines.pop()
    if lines and lines[0][_DATA_COLUMNS : _DATA_COLUMNS + 1] in {"B", "C"}:
        raise InvalidFileFormat(
            "Binary and compressed IGES files are not read.",
            details={"stage": "scan", "reason": "iges_variant"},
        )
    return lines


def _sections(lines: list[str]) -> dict[str, list[str]]:
    """Return the lines by section; each section is numbered from 1 without a gap, in the order S G D P T."""
    sections: dict[str, list[str]] = {letter: [] for letter in _SECTIONS}
    last = 0
    for number, line in enumerate(lines, 1):
        text = line.rstrip(" ")
        letter, sequence = text[_DATA_COLUMNS : _DATA_COLUMNS + 1], text[_DATA_COLUMNS + 1 :].strip()
        position = _SECTIONS.find(letter) if letter else -1
        if position < last or len(text) != 80 or not (sequence.isascii() and sequence.isdigit()):
            raise _corrupted("A line does not follow the fixed columns of IGES.", "columns", line=number)
        last = position
        sections[letter].append(text)
        if int(sequence) != len(sections[letter]):
            raise _corrupted("Lines are missing or out of order.", "sequence", line=number)
    return sections


def _check_terminate(sections: dict[str, list[str]]) -> None:
    if len(sections["T"]) != 1:
        raise _corrupted("The file is cut: its last line is missing.", "truncated")
    for position, letter in enumerate("SGDP"):
        stated = sections["T"][0][8 * position : 8 * position + 8]
        if not sections[letter]:
            raise _corrupted("A section is missing.", "no_section", section=letter)
        if stated[:1] != letter or stated[1:].strip() != str(len(sections[letter])):
            raise _corrupted("The last line counts other lines than there are.", "counts", section=letter)
    if len(sections["D"]) % 2:
        raise _corrupted("A directory entry has one line only.", "directory")


def _directory_damage(directory: list[str], parameters: list[str]) -> tuple[str, ...]:
    """Each entry has two lines and points at its own parameter lines, which point back at it."""
    claimed = 0
    for index in range(0, len(directory), 2):
        first, second = directory[index], directory[index + 1]
        start, count = _pointer(first[8:16]), _pointer(second[24:32])
        if first[:8] != second[:8] or not 1 <= start <= start + count - 1 <= len(parameters):
            return (Damage("a directory entry contradicts itself", "directory"),)
        claimed += count
        lines = parameters[start - 1 : start - 1 + count]
        if any(_pointer(line[_PARAMETER_COLUMNS:_DATA_COLUMNS]) != index + 1 for line in lines):
            return (Damage("parameters belong to another entity", "directory"),)
        if _entity_type(lines[0]) != _pointer(first[:8]):
            return (Damage("parameters are those of another kind of entity", "directory"),)
    return () if claimed == len(parameters) else (Damage("parameters belong to no entity", "directory"),)


def _pointer(field: str) -> int:
    """Return the number in a field, -1 if it is none."""
    text = field.strip()
    return int(text) if text.isascii() and text.isdigit() else -1


def _entity_type(line: str) -> int:
    """Return the type number parameters begin with, 0 if they do not."""
    leading = re.match(r"\s*(\d{1,7})\s*\D", line)
    return int(leading[1]) if leading else 0


def _global_fields(text: str) -> list[str]:
    """Split the global section; strings are counted (``4HTEXT``), so they may hold delimiters."""
    separator, position = _delimiter(text, 0, ",", followed_by=None)
    end, position = _delimiter(text, position, ";", followed_by=separator)
    delimiter = re.compile(f"[{re.escape(separator + end)}]|$")
    fields = [separator, end]
    while position < len(text):
        field, position = _field(text, position, delimiter)
        fields.append(field)
        if text[position : position + 1] == end:
            return fields
        position += 1
    raise _corrupted("The global section has no end.", "global")


def _delimiter(text: str, position: int, default: str, *, followed_by: str | None) -> tuple[str, int]:
    """Return the delimiter stated at ``position`` and where the next field begins."""
    stated = text[position : position + 2] == "1H"
    delimiter = text[position + 2 : position + 3] if stated else default
    after = position + 3 if stated else position
    if not delimiter.strip() or text[after : after + 1] != (followed_by or delimiter):
        raise _corrupted("The global section states no delimiters.", "global")
    return delimiter, after + 1


def _field(text: str, position: int, delimiter: re.Pattern[str]) -> tuple[str, int]:
    """Return the value at ``position`` and where its delimiter stands."""
    if counted := _COUNTED.match(text, position):
        end = counted.end() + int(counted[1])
        if end >= len(text) or not delimiter.match(text, end):
            raise _corrupted("A text of the global section has another length than it states.", "global")
        return text[counted.end() : end], end
    found = delimiter.search(text, position)
    end = found.start() if found else len(text)
    return text[position:end].strip(), end


_COUNTED: Final = re.compile(r"\s{0,80}(\d{1,5})H")


def _unit(fields: list[str]) -> LengthUnit:
    if len(fields) <= _UNIT_FLAG - 1:
        raise _corrupted("The global section is too short.", "global")
    flag, name = [*fields[_UNIT_FLAG - 1 : _UNIT_NAME], ""][:2]
    if flag and not (flag.isascii() and flag.isdigit() and len(flag) < 5):
        raise _unknown_unit("flag")
    if not flag and not name.strip():
        return LengthUnit("inch", 25.4, assumed=True)
    by_name = not flag or int(flag) == _NAME_DECIDES
    for number, names, unit, millimetres in _UNITS:
        if (name.strip().upper() in names) if by_name else (int(flag) == number):
            return LengthUnit(unit, millimetres)
    raise _unknown_unit("name" if by_name else "flag")


def _unknown_unit(reason: str) -> UnitConversionError:
    return UnitConversionError(
        "The file names a unit IGES does not know.", details={"stage": "units", "reason": reason}
    )


def _corrupted(message: str, reason: str, **facts: int | str) -> CorruptedFile:
    return CorruptedFile(message, details={"stage": "scan", "reason": reason, **facts})
