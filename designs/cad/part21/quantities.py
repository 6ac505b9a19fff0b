"""Quantity of one usage of a component (QUANTIFIED_ASSEMBLY_COMPONENT_USAGE, ISO 10303-44)."""

from __future__ import annotations

import math
from typing import Final

from designs.cad.part21.instances import Instance, Parameter, Reference, StepScan, Text, Typed
from designs.exceptions import BOMExtractionError

__all__ = ["QUANTIFIED", "usage_count"]

QUANTIFIED: Final = "QUANTIFIED_ASSEMBLY_COMPONENT_USAGE"
_QUANTITY: Final = 6
_COUNTS: Final = {
    "COUNT_MEASURE", "RATIO_MEASURE", "POSITIVE_RATIO_MEASURE", "NUMERIC_MEASURE", "PARAMETER_VALUE",
    "CONTEXT_DEPENDENT_MEASURE",
}  # fmt: skip
# Kinds of units that measure amounts; the other kinds are dimensionless and count pieces.
_AMOUNT_UNITS: Final = {
    "LENGTH_UNIT", "MASS_UNIT", "AREA_UNIT", "VOLUME_UNIT", "TIME_UNIT", "AMOUNT_OF_SUBSTANCE_UNIT", "ENERGY_UNIT",
    "ELECTRIC_CURRENT_UNIT", "THERMODYNAMIC_TEMPERATURE_UNIT", "DERIVED_UNIT",
}  # fmt: skip
_AMOUNT_NAMES: Final = {
    "m", "mm", "cm", "km", "in", "inch", "ft", "yd", "metre", "meter", "kg", "g", "mg", "t", "lb", "lbs", "oz",
    "l", "ml", "cl", "litre", "liter", "gal", "m2", "m3", "cm2", "cm3", "mm2", "mm3", "h", "hr", "min", "s",
}  # fmt: skip


def usage_count(scan: StepScan, usage: Instance) -> int | None:
    """Return the number of pieces of a usage: 1 unless it states a quantity; None for an amount instead of a count.

    Amounts, for example 2.5 of anything or 3 metres of wire, cannot be counted.

    Raises:
        BOMExtractionError: When the quantity is missing, no number, or not above zero.
    """
    record = usage.first(QUANTIFIED)
    if record is None:
        return 1
    # In a complex instance, the record has only the quantity.
    stated: Parameter = record[_QUANTITY] if len(record) > _QUANTITY else (record[-1] if record else "$")
    if stated == "$":
        return None
    measure = scan.instance(stated.target) if isinstance(stated, Reference) else None
    value, unit = _value_and_unit(measure) if measure else (stated, None)
    number, is_count = _number(value)
    if not is_count or (not isinstance(value, Typed) and _is_amount(scan, measure, unit)):
        return None
    if _has_amount_name(scan, unit) or not number.is_integer():
        return None
    return int(number)


def _value_and_unit(measure: Instance) -> tuple[Parameter, Parameter]:
    """Return value and unit of a measure; its record may be of a subtype, of the supertype, or start with a name."""
    for record in measure.records.values():
        values = record[1:] if record and isinstance(record[0], Text) else record
        if len(values) > 1:
            return values[0], values[1]
    raise _refused()


def _number(value: Parameter) -> tuple[float, bool]:
    """Return the number and whether it is a count."""
    is_count = not isinstance(value, Typed) or value.keyword in _COUNTS
    word = value.parameters[0] if isinstance(value, Typed) and len(value.parameters) == 1 else value
    try:
        number = float(word) if isinstance(word, str) else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or number <= 0:
        raise _refused()
    return number, is_count


def _is_amount(scan: StepScan, measure: Instance | None, unit: Parameter | None) -> bool:
    """Return whether an untyped number is an amount, by the kind of its measure, else of its unit."""
    kinds = {keyword.removesuffix("_MEASURE_WITH_UNIT") + "_UNIT" for keyword in (measure.records if measure else ())}
    target = scan.instance(unit.target) if isinstance(unit, Reference) else None
    return bool(_AMOUNT_UNITS & (kinds | set(target.records if target else ())))


def _has_amount_name(scan: StepScan, unit: Parameter | None) -> bool:
    target = scan.instance(unit.target) if isinstance(unit, Reference) else None
    record = target.first("CONTEXT_DEPENDENT_UNIT") if target else None
    # In a simple instance, the dimensions come first.
    names = [str(parameter).strip().lower() for parameter in record or () if isinstance(parameter, Text)]
    return bool(_AMOUNT_NAMES.intersection(names))


def _refused() -> BOMExtractionError:
    return BOMExtractionError(
        "The quantity of a component is not a number above zero.", details={"stage": "bom", "reason": "quantity"}
    )
