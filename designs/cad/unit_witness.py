"""Cross-check of units: the kernel's measures count only if it read the same units as our own scan."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from designs.cad.part21 import StepScan, has_odd_units, read_units
from designs.exceptions import UnitConversionError

__all__ = ["NO_UNITS", "ExpectedUnits", "check_units", "expected_units"]

_SAME_FACTOR: Final = 1e-6
# The lookup of each context searches all instances in the kernel.
_CONTEXTS_ASKED: Final = 8


@dataclass(frozen=True, slots=True)
class ExpectedUnits:
    """The units that the text of a file states.

    Attributes:
        contexts: Context of shapes -> mm per unit; only one context for each length.
        are_odd: They have a form that the kernel does not read.
        warnings: Oddities that do not fail the file, as texts shown with the design.
    """

    contexts: Mapping[int, float] = field(default_factory=dict)
    are_odd: bool = False
    warnings: tuple[str, ...] = ()


NO_UNITS: Final = ExpectedUnits()


def expected_units(scan: StepScan) -> ExpectedUnits:
    """Return the units that the kernel must find in a file.

    Raises:
        UnitConversionError: When the units are not sound.
    """
    reading = read_units(scan)
    by_length: dict[float, int] = {}
    for context, unit in reading.contexts.items():
        if math.isfinite(unit.millimetres):
            by_length.setdefault(unit.millimetres, context)
    asked = islice(by_length.items(), _CONTEXTS_ASKED)
    return ExpectedUnits({context: length for length, context in asked}, has_odd_units(scan), reading.warnings)


def check_units(answer: Mapping[str, Any], expected: ExpectedUnits) -> None:
    """Check the lengths of the units that the kernel read; skip answers of kernels that stopped earlier.

    Raises:
        UnitConversionError: When the kernel took a unit for one of another length.
    """
    found = (answer.get("geometry") or {}).get("length_factors") or {}
    for context, millimetres in expected.contexts.items():
        factor = found.get(str(context), millimetres)
        if factor is None or not math.isclose(factor, millimetres, rel_tol=_SAME_FACTOR):
            raise UnitConversionError(
                "The CAD kernel reads another unit than the file states.",
                details={
                    "stage": "units",
                    "reason": "kernel_disagrees",
                    "entity": f"#{context}",
                    "file_mm": millimetres,
                    "kernel_mm": factor,
                },
            )
