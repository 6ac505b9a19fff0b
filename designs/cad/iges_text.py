"""Rewriting of IGES files from forms that only the standard allows to the form that the kernel reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from designs.cad.iges import IgesFile, read_iges
from designs.cad.iges_directory import PARAMETER_COLUMNS, Entry
from designs.cad.iges_fields import FieldError, folded, split_fields
from designs.cad.iges_lines import DATA_COLUMNS
from designs.exceptions import EnginelBaseException

__all__ = ["plain_iges"]

_WHOLE: Final = re.compile(r"[+-]?\d+")
_FIELD_COLUMNS: Final = 8
_STATUS: Final = 64


def plain_iges(data: bytes) -> bytes | None:
    """Return an equivalent of ``data`` that the kernel reads; None when it reads ``data`` itself.

    Damaged content is not repaired: the kernel gets it unchanged.
    """
    try:
        file = read_iges(data)
    except EnginelBaseException:
        return None
    if file.is_plain or file.directory.damage:
        return None
    return "\n".join([*_lines(file), ""]).encode("latin-1")


def _lines(file: IgesFile) -> Iterator[str]:
    head = file.head.plain_lines()
    entries: list[str] = []
    parameters: list[str] = []
    for entry in file.directory.entries:
        data = _plain_data(file, entry)
        entries += _directory_lines(entry, len(parameters) + 1 if data else 0, len(data))
        parameters += (f"{row:<{PARAMETER_COLUMNS}}{entry.number:>8}" for row in data)
    counts = (1, len(head), len(entries), len(parameters))
    last = "".join(f"{letter}{count:>7}" for letter, count in zip("SGDP", counts, strict=True))
    for letter, lines in (("S", [""]), ("G", head), ("D", entries), ("P", parameters), ("T", [last])):
        for number, line in enumerate(lines, 1):
            yield f"{line:<{DATA_COLUMNS}}{letter}{number:>7}"


def _plain_data(file: IgesFile, entry: Entry) -> list[str]:
    """Return the lines of a record of parameters without comments, each number within a line."""
    data, marks = file.directory.data_of(entry), file.head.marks
    if not file.directory.is_hard(entry, marks):
        return data
    text = "".join(data)
    fields: list[str] = []
    try:
        for start, end, is_string in split_fields(text, 0, marks):
            fields.append(f"{end - start}H{text[start:end]}" if is_string else text[start:end])
    except FieldError:
        return data
    return folded(fields, marks, PARAMETER_COLUMNS)


def _directory_lines(entry: Entry, start: int, count: int) -> tuple[str, str]:
    """Return the two lines with each number to the right of its columns, and the place of its parameters."""
    first = [_to_the_right(text) for text in _fields(entry.first[:_STATUS])]
    second = [_to_the_right(text) for text in _fields(entry.second[:DATA_COLUMNS])]
    first[1], second[0], second[3] = f"{start:>8}", first[0], f"{count:>8}"
    # Four numbers of two digits each.
    status = entry.first[_STATUS:DATA_COLUMNS]
    status = status if " " in status.strip() else status.strip().rjust(_FIELD_COLUMNS)
    return "".join((*first, status.replace(" ", "0"))), "".join(second)


def _fields(line: str) -> list[str]:
    return [line[start : start + _FIELD_COLUMNS] for start in range(0, len(line), _FIELD_COLUMNS)]


def _to_the_right(field: str) -> str:
    text = field.strip()
    return f"{text:>8}" if _WHOLE.fullmatch(text) else field
