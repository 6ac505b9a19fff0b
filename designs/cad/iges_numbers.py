"""Numbers in IGES geometry that make the CAD kernel hang, such as ``1.D400``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from designs.cad.part21.numbers import MAX_LENGTH
from designs.exceptions import GeometryProcessingError
from designs.patterns import compile_pattern

__all__ = ["check_iges_numbers"]

# As for STEP, on text whose digits are 0 and 1 and whose exponents all begin with E. Words such as NAN are harmless:
# the kernel reports them as damage.
_EXPONENT: Final = compile_pattern(rb"E0*+1[01][01]")
_BINARY: Final = bytes.maketrans(b"deD23456789", b"EEE11111111")
_LONG_RUN: Final = re.compile(rb"[01]{51}")
_VALUE: Final = compile_pattern(r"\s*+(?:([0-9]{1,5})H|([-+]?+[0-9.]++(?:[dDeE][-+]?+[0-9]++)?+)|[^\s])")
_COLUMNS: Final = 64
_POINTER: Final = slice(64, 72)
# Geometry types. The kernel survives such numbers in other types, for example colours and properties.
_FIRST, _LAST = 100, 199


def check_iges_numbers(parameters: Sequence[str]) -> None:
    """Refuse geometry whose numbers make the kernel hang.

    Args:
        parameters: The lines of the parameter section, all 80 columns.

    Raises:
        GeometryProcessingError: With the reason ``number_range``, and the entity.
    """
    digits = "".join(line[:_COLUMNS] for line in parameters).encode("latin-1").translate(_BINARY, b"+")
    if not (_EXPONENT.search(digits) or _LONG_RUN.search(digits)):
        return
    for pointer, text in _entities(parameters):
        numbers = _numbers(text)
        if _FIRST <= next(numbers, 0.0) <= _LAST and any(abs(number) > MAX_LENGTH for number in numbers):
            raise GeometryProcessingError(
                "Failed to parse IGES file: a coordinate or length is out of range.",
                details={"stage": "scan", "reason": "number_range", "entity": f"D{pointer}", "section": "P"},
                is_fixed=True,
            )


def _entities(parameters: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield each entity's number in the directory with the text of its lines."""
    pointer, texts = "", list[str]()
    for line in parameters:
        if (own := line[_POINTER].strip()) != pointer and texts:
            yield pointer, "".join(texts)
            texts = []
        pointer = own
        texts.append(line[:_COLUMNS])
    if texts:
        yield pointer, "".join(texts)


def _numbers(text: str) -> Iterator[float]:
    """Yield the numbers of an entity's parameters; skip counted strings (``4HTEXT``)."""
    position = 0
    while match := _VALUE.match(text, position):
        position = match.end() + int(match[1] or 0)
        if match[2]:
            yield _number(match[2])


def _number(numeral: str) -> float:
    try:
        return float(re.sub("[dD]", "E", numeral))
    except ValueError:
        return 0.0
