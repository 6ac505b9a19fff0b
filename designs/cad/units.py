"""Conversion of lengths, areas and volumes from the kernel's millimetres to the client's unit."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache

import pint

from designs.exceptions import UnitConversionError

__all__ = ["LengthUnit", "convert_area", "convert_length", "convert_volume"]


@dataclass(frozen=True, slots=True)
class LengthUnit:
    """The length unit of a file.

    Attributes:
        name: Lower-case name, such as ``millimetre`` or ``inch``.
        millimetres: How many millimetres one of it is.
        assumed: True when the file states none and the default of its format applies.
    """

    name: str
    millimetres: float
    assumed: bool = False


# Pint evaluates expressions ("2**99999999"), so only one short word is passed to it.
_UNIT_NAME = re.compile(r"[A-Za-z_]{1,32}")


def convert_length(value_mm: float, unit: str) -> float:
    """Convert millimetres to ``unit``, a name such as ``mm``, ``inch`` or ``m``.

    Raises:
        UnitConversionError: When the unit is unknown, no length, or the result is not finite.
    """
    return _scaled(value_mm, unit, power=1)


def convert_area(value_mm2: float, unit: str) -> float:
    """Convert square millimetres to the square of the length ``unit``.

    Raises:
        UnitConversionError: When the unit is unknown, no length, or the result is not finite.
    """
    return _scaled(value_mm2, unit, power=2)


def convert_volume(value_mm3: float, unit: str) -> float:
    """Convert cubic millimetres to the cube of the length ``unit``.

    Raises:
        UnitConversionError: When the unit is unknown, no length, or the result is not finite.
    """
    return _scaled(value_mm3, unit, power=3)


def _scaled(value: float, unit: str, *, power: int) -> float:
    if not math.isfinite(value):
        raise UnitConversionError("The value is not finite.", details={"stage": "units", "reason": "value"})
    try:
        result = value / _millimetres_per(unit) ** power
    except (OverflowError, ZeroDivisionError):
        result = math.inf
    if not math.isfinite(result):
        raise _refused("The value is out of range in this unit.", "range")
    return result


def _millimetres_per(unit: str) -> float:
    if not _UNIT_NAME.fullmatch(unit):
        raise _refused("This is not the name of a length unit.", "unit_name")
    return _known_length(unit)


# Bounded: the names come from clients.
@lru_cache(maxsize=64)
def _known_length(unit: str) -> float:
    try:
        return float(_registry().Quantity(1, unit).to("millimetre").magnitude)
    except pint.DimensionalityError as e:
        raise _refused(f"{unit} is not a unit of length.", "dimension") from e
    # Pint raises TypeError, ValueError and AttributeError of its own for odd names, keywords among them.
    except (pint.PintError, ArithmeticError, AttributeError, SyntaxError, TypeError, ValueError) as e:
        raise _refused(f"{unit} is not a unit we know.", "unknown_unit") from e


@lru_cache(maxsize=1)
def _registry() -> pint.UnitRegistry[float]:
    return pint.UnitRegistry()


def _refused(message: str, reason: str) -> UnitConversionError:
    return UnitConversionError(message, field="unit", details={"stage": "units", "reason": reason})
