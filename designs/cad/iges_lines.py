"""The lines of an IGES file by section, as the standard and the readers allow them.

A line has 80 columns: data, the letter of its section in column 73, and its number. Files come with every kind of
line end or none, with numbers padded in every way, with blank lines, tabs and text after the last line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from designs.cad.files import UTF8_BOM
from designs.exceptions import CorruptedFile, InvalidFileFormat

__all__ = ["DATA_COLUMNS", "Sections", "corrupted", "first_line_letter", "split_lines"]

DATA_COLUMNS: Final = 72
"""Columns of a line that hold its data."""

_COLUMNS: Final = 80
_LETTERS: Final = "SGDPT"
_BLANK: Final = " \t\r\n\v\f"
_END_OF_FILE: Final = "\x1a"
_LINE_END: Final = re.compile(r"\r\n|\n|\r")
# Beyond this many bytes a line has more than 80 columns in every encoding.
_LONGEST_LINE: Final = 4 * _COLUMNS
# The blanks before the section letter are missing. Accepted in free text only: in directory and parameters a lost
# character would shift the columns.
_UNPADDED: Final = re.compile(r"(.{0,71}?) *([SGT]) *(\d{1,7})")
_COUNTS: Final = re.compile(r" *S *(\d*) *G *(\d*) *D *(\d*) *P *(\d*)")
_CUT_COUNTS: Final = re.compile(r"S *\d*(?: *G *\d*(?: *D *\d*(?: *P *\d*(?: *T *)?)?)?)?")


@dataclass(slots=True)
class Sections:
    """Lines of a file by section.

    Attributes:
        lines: Letter of a section -> its lines, 80 columns each.
        is_plain: The kernel reads the lines unchanged.
        reached: Section letter of the last line read so far.
        warnings: Oddities that do not fail the file.
    """

    lines: dict[str, list[str]] = field(default_factory=lambda: {letter: [] for letter in _LETTERS})
    is_plain: bool = True
    reached: str = "S"
    warnings: list[str] = field(default_factory=list)

    @property
    def is_ended(self) -> bool:
        """The last line (section T) has been read."""
        return self.reached == "T"


def split_lines(data: bytes) -> Sections:
    """Return the lines of a file; each section is numbered from 1 without a gap, in the order S G D P T.

    Raises:
        CorruptedFile: When columns, sections, numbers and the counts of the last line do not fit together.
        InvalidFileFormat: When it is a binary or compressed IGES file.
    """
    text = data.removeprefix(UTF8_BOM).rstrip(b"\0").decode("latin-1")
    if "\0" in text:
        raise corrupted("The file holds NUL bytes.", "nul")
    numbered, is_plain = _numbered(text)
    found = Sections(is_plain=is_plain and not data.endswith(b"\0"))
    _refuse_variants(numbered)
    last = numbered.pop() if numbered else (0, "")
    for number, line in numbered:
        lines = found.lines[found.reached]
        # Fast path for most lines of most files.
        if line[DATA_COLUMNS:] == f"{found.reached}{len(lines) + 1:>7}":
            lines.append(line)
            continue
        record = _record(line)
        if record is None and found.is_ended:
            break
        _add(found, record, number)
        found.is_plain = found.is_plain and record == line.rstrip(" ")
    _add_last(found, *last)
    _check_end(found)
    return found


def first_line_letter(head: bytes) -> str:
    """Return the letter of the section that a file begins with, given its first bytes; empty if it is no IGES file."""
    numbered, _ = _numbered(head.removeprefix(UTF8_BOM).decode("latin-1"))
    line, second = (*(line for _, line in numbered[:2]), "", "")[:2]
    letter = line[DATA_COLUMNS : DATA_COLUMNS + 1]
    if letter in {"B", "C"}:
        return letter
    record = _in_columns(line[:_COLUMNS])
    if record is None:
        # The columns alone do not prove it: other texts also end with a letter and a number.
        record, following = _record(line), _record(second)
        if record is None or following is None or following[DATA_COLUMNS] not in "SG":
            return ""
    return record[DATA_COLUMNS] if int(record[DATA_COLUMNS + 1 :]) == 1 else ""


def corrupted(message: str, reason: str, **facts: int | str) -> CorruptedFile:
    """Return the exception for a file whose structure is damaged."""
    return CorruptedFile(message, details={"stage": "scan", "reason": reason, **facts})


def _numbered(text: str) -> tuple[list[tuple[int, str]], bool]:
    """Return the non-blank lines with their numbers, up to the end-of-file mark.

    Returns:
        The lines, and whether only empty lines were skipped, as the kernel does.
    """
    if not _LINE_END.search(text, 0, _LONGEST_LINE + 1):
        # Records of fixed length, as from a tape.
        lines = [text[start : start + _COLUMNS] for start in range(0, len(text), _COLUMNS)]
    else:
        lines = _LINE_END.split(text)
    found: list[tuple[int, str]] = []
    blank = -1
    for number, line in enumerate(lines, 1):
        if line[:1] == _END_OF_FILE:
            break
        if line.isspace():
            blank = len(found) if blank < 0 else blank
        elif line:
            found.append((number, line))
    return found, blank in {-1, len(found)}


def _refuse_variants(numbered: list[tuple[int, str]]) -> None:
    if numbered and numbered[0][1][DATA_COLUMNS : DATA_COLUMNS + 1] in {"B", "C"}:
        raise InvalidFileFormat(
            "Binary and compressed IGES files are not read.",
            details={"stage": "scan", "reason": "iges_variant"},
        )


def _is_cut_count(found: Sections, line: str) -> bool:
    """Return whether the file is cut in its last line. Directory and parameters before it may be complete."""
    return bool(not found.is_ended and found.lines["P"] and _CUT_COUNTS.fullmatch(line.rstrip(_BLANK)))


def _add_last(found: Sections, number: int, line: str) -> None:
    record = _record(line)
    if found.is_ended and record is None:
        found.warnings.append("Text after the last line of the file is not read.")
    elif _is_cut_count(found, line):
        found.is_plain = False
    elif record is None and len(line) < _COLUMNS:
        raise corrupted("The file is cut within a line.", "truncated", line=number)
    else:
        _add(found, record, number)
        found.is_plain = found.is_plain and record == line.rstrip(" ")


def _record(line: str) -> str | None:
    """Return the line in 80 columns with its number to the right; None when it is no line of a section."""
    made = _in_columns(line)
    if made is not None or len(line) > _LONGEST_LINE:
        return made
    if "\t" in line:
        made = _in_columns(line.expandtabs(8))
    if made is None and not line.isascii():
        made = _in_columns(_as_utf8(line))
    text = line.rstrip(_BLANK)
    if made is None and len(text) < _COLUMNS and (unpadded := _UNPADDED.fullmatch(text)):
        made = f"{unpadded[1]:<72}{unpadded[2]}{unpadded[3]:>7}"
    return made


def _in_columns(line: str) -> str | None:
    text = line.rstrip(_BLANK + _END_OF_FILE)
    letter, sequence = text[DATA_COLUMNS : DATA_COLUMNS + 1], text[DATA_COLUMNS + 1 :].strip(" ")
    if len(text) > _COLUMNS or not letter or letter not in _LETTERS or not (sequence.isascii() and sequence.isdigit()):
        return None
    return text if len(text) == _COLUMNS else f"{text[: DATA_COLUMNS + 1]}{sequence:>7}"


def _as_utf8(line: str) -> str:
    """Return the line with columns counted in UTF-8 characters; characters beyond Latin-1 become ``?``."""
    try:
        return line.encode("latin-1").decode("utf-8").encode("latin-1", "replace").decode("latin-1")
    except UnicodeDecodeError:
        return line


def _add(found: Sections, record: str | None, number: int) -> None:
    letter = record[DATA_COLUMNS] if record else ""
    if record is None or _LETTERS.index(letter) < _LETTERS.index(found.reached):
        raise corrupted("A line does not follow the fixed columns of IGES.", "columns", line=number)
    found.reached = letter
    lines = found.lines[letter]
    lines.append(record)
    if int(record[DATA_COLUMNS + 1 :]) != len(lines):
        raise corrupted("Lines are missing or out of order.", "sequence", line=number, section=letter)


def _check_end(found: Sections) -> None:
    """Compare the counts in the last line with the number of lines; skip blank counts."""
    lines = found.lines
    missing = [letter for letter in "SGDP" if not lines[letter]]
    if not found.is_ended and (missing or len(lines["D"]) % 2):
        raise corrupted("The file is cut: its last line is missing.", "truncated")
    if missing:
        raise corrupted("A section is missing.", "no_section", section=missing[0])
    if found.is_ended:
        _check_counts(lines)
    else:
        found.warnings.append("The last line of the file (section T) is missing.")
    if len(lines["D"]) % 2:
        raise corrupted("A directory entry has one line only.", "directory", section="D")


def _check_counts(lines: dict[str, list[str]]) -> None:
    text = lines["T"][0][:DATA_COLUMNS]
    stated = _COUNTS.match(text)
    if stated is None and not text.isspace():
        raise corrupted("The last line does not count the lines of the sections.", "counts", section="T")
    for letter, count in zip("SGDP", stated.groups() if stated else (), strict=False):
        if count and int(count) != len(lines[letter]):
            raise corrupted("The last line counts other lines than there are.", "counts", section=letter)
