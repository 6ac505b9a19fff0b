"""The global section of an IGES file: its delimiters, and the unit of length it states."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from designs.cad.iges_fields import Delimiters, FieldError, delimiters, folded, split_fields
from designs.cad.iges_lines import DATA_COLUMNS, corrupted
from designs.cad.units import LengthUnit
from designs.exceptions import UnitConversionError

__all__ = ["GlobalSection", "global_section"]

_FIRST: Final = 3
_SCALE: Final = 13
_FLAG: Final = 14
_NAME: Final = 15
# The position of a field decides whether it is a number or a string.
_NUMBERS: Final = frozenset({7, 8, 9, 10, 11, 13, 14, 16, 17, 19, 20, 23, 24})
_LAST_FIELD: Final = 26
_NUMBER: Final = re.compile(r"[+-]?(?:\d{1,40}\.?\d{0,40}|\.\d{1,40})(?:[EDed][+-]?\d{1,4})?")
_WHOLE: Final = re.compile(r"\+?0*(\d{1,3})\.?0*")
# Sections 2.2.4.3.14 and .15 of the specification, version 5.3: flag, name, other names, our name, millimetres.
_UNITS: Final = (
    (1, "IN", {"INCH", "INCHES"}, "inch", 25.4),
    (2, "MM", {"MILLIMETER", "MILLIMETERS", "MILLIMETRE", "MILLIMETRES"}, "millimetre", 1.0),
    (4, "FT", {"FOOT", "FEET"}, "foot", 304.8),
    (5, "MI", {"MILE", "MILES"}, "mile", 1_609_344.0),
    (6, "M", {"METER", "METERS", "METRE", "METRES"}, "metre", 1000.0),
    (7, "KM", {"KILOMETER", "KILOMETERS", "KILOMETRE", "KILOMETRES"}, "kilometre", 1_000_000.0),
    (8, "MIL", {"MILS"}, "mil", 0.0254),
    (9, "UM", {"MICRON", "MICRONS", "MICROMETER", "MICROMETRE"}, "micrometre", 0.001),
    (10, "CM", {"CENTIMETER", "CENTIMETERS", "CENTIMETRE", "CENTIMETRES"}, "centimetre", 10.0),
    (11, "UIN", {"MICROINCH", "MICROINCHES"}, "microinch", 25.4e-6),
)
_BY_FLAG: Final = {flag: (name, LengthUnit(unit, millimetres)) for flag, name, _, unit, millimetres in _UNITS}
_BY_NAME: Final = {word: flag for flag, name, others, _, _ in _UNITS for word in (name, *others)}
_INCH: Final = 1
_NAME_DECIDES: Final = 3


@dataclass(frozen=True, slots=True)
class GlobalSection:
    """The values of the global section.

    Attributes:
        unit: The length unit; assumed to be the inch, the default of the format, where it states none.
        marks: The delimiters of this section and of the parameters.
        is_plain: The kernel understands the section unchanged.
        warnings: Oddities that do not fail the file.
        fields: The fields from the third on; omitted trailing fields are missing here, too.
    """

    unit: LengthUnit
    marks: Delimiters
    is_plain: bool
    warnings: tuple[str, ...]
    fields: tuple[str, ...]

    def plain_lines(self) -> list[str]:
        """Return the data lines of an equivalent section in the spelling of the standard."""
        flag = _BY_NAME[_short_name(self.unit)]
        marks = self.marks
        texts = [f"1H{marks.separator}", f"1H{marks.end}"]
        for place, text in enumerate(self.fields[: _LAST_FIELD - 2], _FIRST):
            texts.append(_plain_field(place, text))
        texts += [""] * (_NAME - len(texts))
        texts[_FLAG - 1 : _NAME] = [str(flag), _counted(_BY_FLAG[flag][0])]
        return folded(texts, marks, DATA_COLUMNS)


def global_section(lines: list[str]) -> GlobalSection:
    """Read the global section from its lines.

    Raises:
        CorruptedFile: When it states no delimiters, has no end, or a string of another length than it states.
        UnitConversionError: When it names a unit that the format does not know.
    """
    text = "".join(line[:DATA_COLUMNS] for line in lines)
    try:
        marks, position = delimiters(text)
    except FieldError as e:
        raise corrupted("The global section states no delimiters.", "global", section="G") from e
    try:
        spans = tuple(split_fields(text, position, marks))
    except FieldError as e:
        message = "The global section has no end, or a text of another length than it states."
        raise corrupted(message, "global", section="G") from e
    found = tuple(text[start:end] for start, end, _ in spans)
    stop = text.index(marks.end, spans[-1][1])
    if len(found) <= _FLAG - _FIRST and text[stop + 1 :].strip():
        # Read these lines as the rest of the section and not as a comment: a lost unit would make the values wrong.
        raise corrupted("The global section goes on after its end.", "global", section="G")
    warnings: list[str] = []
    unit = _unit(found, warnings)
    if _field(found, _SCALE) and not _is_one(_field(found, _SCALE)):
        warnings.append("The file states a scale; the values are those of the model, not scaled.")
    heads = (f"1H{marks.separator}{marks.separator}1H{marks.end}{marks.separator}", ",,")
    has_empty_string = any(is_string and start == end for start, end, is_string in spans)
    # The kernel takes lines after the end of the section for more fields.
    ends_in_last_line = stop // DATA_COLUMNS == len(lines) - 1
    is_plain = text.startswith(heads) and ends_in_last_line and not has_empty_string and _states_plainly(found, unit)
    return GlobalSection(unit, marks, is_plain, tuple(warnings), found)


def _field(fields: tuple[str, ...], place: int) -> str:
    """Return a field by its place in the specification, which counts the two delimiters; empty if left out."""
    return fields[place - _FIRST].strip() if place - _FIRST < len(fields) else ""


def _unit(fields: tuple[str, ...], warnings: list[str]) -> LengthUnit:
    flag, name = _field(fields, _FLAG), _field(fields, _NAME).upper()
    whole = _WHOLE.fullmatch(flag)
    if flag and not whole:
        raise _unknown_unit("flag")
    number = int(whole[1]) if whole else _NAME_DECIDES
    if number == _NAME_DECIDES:
        return _named_unit(name, warnings)
    if number not in _BY_FLAG:
        raise _unknown_unit("flag")
    if name and _BY_NAME.get(name) != number:
        warnings.append("The flag and the name of the unit contradict each other; the flag holds.")
    return _BY_FLAG[number][1]


def _named_unit(name: str, warnings: list[str]) -> LengthUnit:
    if not name:
        warnings.append("The file states no unit of length; the inch is assumed, the default of IGES.")
        inch = _BY_FLAG[_INCH][1]
        return LengthUnit(inch.name, inch.millimetres, assumed=True)
    if name not in _BY_NAME:
        raise _unknown_unit("name")
    return _BY_FLAG[_BY_NAME[name]][1]


def _states_plainly(fields: tuple[str, ...], unit: LengthUnit) -> bool:
    """Return whether the kernel reads the same unit from these fields."""
    flag, name = fields[_FLAG - _FIRST :][:1], fields[_NAME - _FIRST :][:1]
    if flag and flag[0] not in {"", str(_NAME_DECIDES)}:
        return flag[0] == str(_BY_NAME[_short_name(unit)])
    return not name or name[0] in {"", _short_name(unit), "INCH"}


def _short_name(unit: LengthUnit) -> str:
    return next(name for name, known in _BY_FLAG.values() if known.name == unit.name)


def _is_one(text: str) -> bool:
    return bool(_NUMBER.fullmatch(text)) and float(text.upper().replace("D", "E")) == 1


def _plain_field(place: int, text: str) -> str:
    if place in _NUMBERS:
        return text if _NUMBER.fullmatch(text) else ""
    return _counted(text) if text else ""


def _counted(text: str) -> str:
    plain = "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in text)
    return f"{len(plain)}H{plain}"


def _unknown_unit(reason: str) -> UnitConversionError:
    return UnitConversionError(
        "The file names a unit IGES does not know.", details={"stage": "units", "reason": reason, "section": "G"}
    )
