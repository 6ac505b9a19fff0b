"""The length unit of a STEP file, resolved through its unit instances (ISO 10303-41 and -43).

If contexts differ in their unit, that of the root product's shape counts. All contexts that shapes use must state a
valid unit, because the kernel silently reads a missing or invalid one as millimetres.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from designs.cad.part21.contexts import UNIT_CONTEXT, holds_no_model, shape_contexts
from designs.cad.part21.instances import Instance, Parameter, Reference, StepScan, Text
from designs.cad.part21.measures import length_measure, refused_unit
from designs.cad.part21.unit_names import WELL_KNOWN_MM, plain_name
from designs.cad.units import LengthUnit
from designs.exceptions import UnitConversionError

__all__ = ["UnitReading", "length_unit", "listed_units", "read_units"]

# ISO 10303-41, si_prefix; the last one is a common misspelling.
_PREFIXES: Final = {
    "EXA": 1e18, "PETA": 1e15, "TERA": 1e12, "GIGA": 1e9, "MEGA": 1e6, "KILO": 1e3, "HECTO": 1e2, "DECA": 1e1,
    "DECI": 1e-1, "CENTI": 1e-2, "MILLI": 1e-3, "MICRO": 1e-6, "NANO": 1e-9, "PICO": 1e-12, "FEMTO": 1e-15,
    "ATTO": 1e-18, "DEKA": 1e1,
}  # fmt: skip
_METRE: Final = frozenset({"METRE", "METER"})
# Records of a length unit; any other unit record means a unit of another quantity.
_OF_LENGTHS: Final = frozenset({
    "LENGTH_UNIT", "NAMED_UNIT", "UNIT", "SI_UNIT", "CONVERSION_BASED_UNIT", "CONTEXT_DEPENDENT_UNIT",
})  # fmt: skip
_WITH_OFFSET: Final = "CONVERSION_BASED_UNIT_WITH_OFFSET"
_SAME_UNIT: Final = 1e-3
_PLAUSIBLE_MM: Final = (1e-9, 1e9)
_DEFINED_BY_AT_MOST: Final = 8
# For a file without a model, which needs no unit.
_NONE: Final = LengthUnit("", math.nan, assumed=True)


@dataclass(frozen=True, slots=True)
class UnitReading:
    """The units of a file.

    Attributes:
        unit: The unit of the root product's shape; without name and length if the file holds no model.
        contexts: Context that shapes use -> its unit.
        warnings: Oddities that do not fail the file, as texts shown with the design.
    """

    unit: LengthUnit
    contexts: Mapping[int, LengthUnit]
    warnings: tuple[str, ...] = ()


def length_unit(scan: StepScan) -> LengthUnit:
    """Return the length unit of the file; one without a name if the file holds no model.

    Raises:
        UnitConversionError: When a context used by a shape has no length unit, or one that does not resolve to metres
            with a plausible factor.
    """
    return read_units(scan).unit


def read_units(scan: StepScan) -> UnitReading:
    """Return the units of all contexts that shapes use.

    Raises:
        UnitConversionError: As `length_unit`.
    """
    try:
        return _read(scan)
    except UnitConversionError as e:
        e.details |= _place(scan, e.details.get("entity", ""))
        raise


def _place(scan: StepScan, entity: str) -> dict[str, int | str]:
    """Return line and section of an instance."""
    start = scan.spans.get(int(entity.lstrip("#") or 0))
    if start is None:
        return {}
    # Some writers end lines with a carriage return only.
    line = 1 + (scan.data.count(b"\n", 0, start) or scan.data.count(b"\r", 0, start))
    return {"line": line, "section": "DATA"}


def _read(scan: StepScan) -> UnitReading:
    if missing := scan.missing_units:
        raise refused_unit("The unit refers to what is not there.", "missing", count=len(missing))
    contexts = {context.identifier: _unit_of(scan, context) for context in shape_contexts(scan)}
    if contexts:
        unit = next(iter(contexts.values()))
        return UnitReading(unit, contexts, _warnings(unit))
    if holds_no_model(scan):
        return UnitReading(_NONE, {})
    raise refused_unit("The file states no units.", "no_context")


def _warnings(unit: LengthUnit) -> tuple[str, ...]:
    if not unit.assumed:
        return ()
    return (f"The file names its unit ({unit.name}) without a definition; {unit.millimetres:g} mm are assumed.",)


def _unit_of(scan: StepScan, context: Instance) -> LengthUnit:
    units = [_checked(_resolved(scan, unit, steps=0), unit) for unit in listed_units(scan, context)]
    if not units:
        raise refused_unit("The file states no unit of length.", "no_length_unit", context)
    if any(not _is_same(unit.millimetres, units[0].millimetres) for unit in units):
        raise refused_unit("The file states several units of length for one shape.", "several_units", context)
    return units[0]


def listed_units(scan: StepScan, context: Instance) -> list[Instance]:
    """Return the units of length that a context lists."""
    # In a simple instance, the attributes of the supertypes precede its own.
    parameters = context.first(UNIT_CONTEXT) or []
    listed = next((parameter for parameter in parameters if isinstance(parameter, list)), parameters)
    followed = [scan.instance(item.target) for item in listed if isinstance(item, Reference)]
    return [unit for unit in followed if unit and _is_length(scan, unit, steps=0)]


def _is_length(scan: StepScan, unit: Instance, *, steps: int) -> bool:
    """Return whether a unit is declared as a length, by its record or by the units it derives from."""
    if "LENGTH_UNIT" in unit.records:
        return True
    if steps > _DEFINED_BY_AT_MOST or _is_other_quantity(unit):
        return False
    if record := unit.first("SI_UNIT"):
        return _si_words(record)[1] in _METRE
    if record := unit.first(_WITH_OFFSET, "CONVERSION_BASED_UNIT"):
        measure = _follow(scan, _conversion(record)[1])
        parameters = [p for values in measure.records.values() for p in values] if measure else []
        base = next((p for p in parameters if isinstance(p, Reference)), None)
        return bool(base and (found := scan.instance(base.target)) and _is_length(scan, found, steps=steps + 1))
    return False


def _is_other_quantity(unit: Instance) -> bool:
    return any(keyword.endswith("_UNIT") and keyword not in _OF_LENGTHS for keyword in unit.records)


def _resolved(scan: StepScan, unit: Instance, *, steps: int) -> LengthUnit:
    if steps > _DEFINED_BY_AT_MOST:
        raise refused_unit("The unit is defined by itself.", "cycle", unit)
    if _is_other_quantity(unit):
        raise refused_unit("The unit of length is defined by something else.", "wrong_kind", unit)
    if record := unit.first("SI_UNIT"):
        return _si_unit(record, unit)
    if record := unit.first("CONVERSION_BASED_UNIT") or unit.first(_WITH_OFFSET):
        return _conversion_unit(scan, record, unit, steps=steps)
    if record := unit.first("CONTEXT_DEPENDENT_UNIT"):
        return _named_unit(record, unit)
    raise refused_unit("The unit of length is not defined.", "undefined", unit)


def _si_words(record: list[Parameter]) -> tuple[str, str]:
    """Return prefix and name; in a simple instance, the derived dimensions precede them."""
    words = [str(parameter).strip(".").upper() for parameter in record[-2:]]
    return (words[0], words[1]) if len(words) > 1 else ("$", *words)  # type: ignore[return-value]


def _si_unit(record: list[Parameter], unit: Instance) -> LengthUnit:
    prefix, name = _si_words(record)
    if name not in _METRE:
        raise refused_unit("The unit of length is not the metre.", "wrong_kind", unit)
    if prefix in {"$", "*"}:
        return LengthUnit("metre", 1000.0)
    if prefix not in _PREFIXES:
        raise refused_unit("The unit has an unknown prefix.", "prefix", unit)
    return LengthUnit(f"{prefix.lower()}metre", 1000.0 * _PREFIXES[prefix])


def _conversion(record: list[Parameter]) -> tuple[str, Parameter | None]:
    """Return name and factor of a conversion; in a simple instance, the dimensions precede them."""
    start = 1 if len(record) > 2 and isinstance(record[1], Text) else 0
    named, factor = [*record[start : start + 2], None, None][:2]
    return str(named) if isinstance(named, Text) else "", factor


def _conversion_unit(scan: StepScan, record: list[Parameter], unit: Instance, *, steps: int) -> LengthUnit:
    name, factor = _conversion(record)
    if (measure := _follow(scan, factor)) is None:
        raise refused_unit("The unit is converted by something that is no length.", "wrong_kind", unit)
    if _has_offset(unit):
        raise refused_unit("The unit of length has an offset.", "offset", unit)
    length = length_measure(measure)
    base = scan.instance(length.unit.target)
    if base is None:
        raise refused_unit("The unit is converted by something that is no length.", "wrong_kind", measure)
    resolved = _resolved(scan, base, steps=steps + 1)
    return LengthUnit(plain_name(name) or "unnamed", length.value * resolved.millimetres, resolved.assumed)


def _has_offset(unit: Instance) -> bool:
    record = unit.first(_WITH_OFFSET) or ["0"]
    try:
        return float(str(record[-1])) != 0
    except ValueError:
        return True


def _named_unit(record: list[Parameter], unit: Instance) -> LengthUnit:
    name = plain_name(str(record[-1])) if isinstance(record[-1], Text) else ""
    if name not in WELL_KNOWN_MM:
        raise refused_unit("The unit of length is not defined.", "undefined", unit)
    return LengthUnit(name, WELL_KNOWN_MM[name], assumed=True)


def _checked(unit: LengthUnit, instance: Instance) -> LengthUnit:
    if not _PLAUSIBLE_MM[0] <= unit.millimetres <= _PLAUSIBLE_MM[1]:
        raise refused_unit("The unit of length is not plausible.", "implausible", instance)
    if not _is_same(unit.millimetres, WELL_KNOWN_MM.get(unit.name, unit.millimetres)):
        raise refused_unit("The unit's name and its factor contradict each other.", "contradiction", instance)
    return unit


def _is_same(millimetres: float, other: float) -> bool:
    return math.isclose(millimetres, other, rel_tol=_SAME_UNIT)


def _follow(scan: StepScan, parameter: Parameter | None) -> Instance | None:
    return scan.instance(parameter.target) if isinstance(parameter, Reference) else None
