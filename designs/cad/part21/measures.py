"""A length with its unit (ISO 10303-41, ``measure_with_unit``), in every form that writers use."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from designs.cad.part21.instances import Instance, Parameter, Reference, Typed
from designs.exceptions import UnitConversionError

__all__ = ["Measure", "length_measure", "refused_unit"]

# In a complex instance, the record of the supertype has the values and the others are empty.
_LENGTHS: Final = ("LENGTH_MEASURE_WITH_UNIT", "MEASURE_WITH_UNIT", "UNCERTAINTY_MEASURE_WITH_UNIT")
_SUFFIX: Final = "MEASURE_WITH_UNIT"
# Types of lengths, and of bare numbers. LENGTH_UNIT is no type of the standard, but one library writes it.
_VALUES: Final = frozenset({
    "LENGTH_MEASURE", "POSITIVE_LENGTH_MEASURE", "NON_NEGATIVE_LENGTH_MEASURE", "LENGTH_UNIT",
    "RATIO_MEASURE", "POSITIVE_RATIO_MEASURE", "NUMERIC_MEASURE", "COUNT_MEASURE", "PARAMETER_VALUE",
    "CONTEXT_DEPENDENT_MEASURE", "REAL", "NUMBER", "INTEGER",
})  # fmt: skip
_NESTED_AT_MOST: Final = 4


@dataclass(frozen=True, slots=True)
class Measure:
    """``value`` times the unit that ``unit`` refers to."""

    value: float
    unit: Reference


def length_measure(instance: Instance) -> Measure:
    """Return the length that an instance states.

    Raises:
        UnitConversionError: When it states another quantity, no number above zero, or no unit.
    """
    stated = [keyword for keyword in instance.records if keyword.endswith(_SUFFIX)]
    if not stated or any(keyword not in _LENGTHS for keyword in stated):
        raise refused_unit("The unit is converted by something that is no length.", "wrong_kind", instance)
    record = next((instance.records[keyword] for keyword in stated if len(instance.records[keyword]) > 1), None)
    if record is None or not isinstance(unit := record[1], Reference):
        raise refused_unit("The unit is converted by a length without a unit.", "wrong_kind", instance)
    return Measure(_factor(record[0], instance), unit)


def _factor(parameter: Parameter, instance: Instance) -> float:
    word = parameter
    for _ in range(_NESTED_AT_MOST):
        if not isinstance(word, Typed):
            break
        if word.keyword not in _VALUES or len(word.parameters) != 1:
            # A bare word, such as NAN, is no type.
            reason = "factor_kind" if word.parameters else "factor_range"
            raise refused_unit("The conversion factor is no length.", reason, instance)
        word = word.parameters[0]
    try:
        factor = float(word) if isinstance(word, str) else math.nan
    except ValueError:
        factor = math.nan
    if not math.isfinite(factor) or factor <= 0:
        raise refused_unit("The conversion factor is not a positive number.", "factor_range", instance)
    return factor


def refused_unit(
    message: str, reason: str, instance: Instance | None = None, **facts: int | str
) -> UnitConversionError:
    """Return the exception for a file of unknown unit; ``instance`` is the place of the fault."""
    entity = {"entity": f"#{instance.identifier}"} if instance else {}
    return UnitConversionError(message, details={"stage": "units", "reason": reason, **entity, **facts})
