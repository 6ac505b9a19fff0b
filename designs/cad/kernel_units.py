"""The length units that the kernel read from a STEP file. Runs only in the child of the kernel host."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from OCP.STEPConstruct import STEPConstruct_UnitContext
from OCP.StepData import StepData_Factors

__all__ = ["length_factors"]


def length_factors(reader: Any, contexts: Sequence[int]) -> dict[str, float | None]:
    """Return mm per unit of contexts, by identifier; skip contexts that the kernel has under another identifier.

    A context without a length unit for the kernel counts as 1, since the kernel assumes millimetres.
    """
    model, factors = reader.Model(), dict[str, float | None]()
    for context in contexts:
        # The kernel has no index of identifiers; this searches all instances, at 0.1 us each.
        number = model.NextNumberForLabel(f"#{context}", 0, True)
        if number:
            factors[str(context)] = _length_factor(model.Value(number))
    return factors


def _length_factor(context: Any) -> float | None:
    # Each class of contexts with units has this accessor; the classes have no common base.
    units = getattr(context, "GlobalUnitAssignedContext", None)
    if units is None:
        return 1.0
    computed = STEPConstruct_UnitContext()
    computed.ComputeFactors(units(), StepData_Factors())
    factor = float(computed.LengthFactor())
    return factor if math.isfinite(factor) else None
