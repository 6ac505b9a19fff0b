"""The length unit of a STEP file, followed through its unit instances (ISO 10303-41 and -43).

Where contexts differ in their unit, the one of the root product's shape counts; all contexts a shape uses
must state a sound unit, because the kernel reads a missing or a bogus one as millimetres without a word.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from designs.cad.part21.instances import Instance, Parameter, Reference, StepScan, Text, Typed
from designs.cad.units import LengthUnit
from designs.exceptions import UnitConversionError

__all__ = ["length_unit"]

# ISO 10303-41, si_prefix.
_PREFIXES: Final = {
    "EXA": 1e18, "PETA": 1e15, "TERA": 1e12, "GIGA": 1e9, "MEGA": 1e6, "KILO": 1e3, "HECTO": 1e2, "DECA": 1e1,
    "DECI": 1e-1, "CENTI": 1e-2, "MILLI": 1e-3, "MICRO": 1e-6, "NANO": 1e-9, "PICO": 1e-12, "FEMTO": 1e-15,
    "ATTO": 1e-18,
}  # fmt: skip
_WELL_KNOWN_MM: Final = {
    "inch": 25.4, "in": 25.4, "foot": 304.8, "ft": 304.8, "yard": 914.4, "mile": 1_609_344.0,
    "millimetre": 1.0, "millimeter": 1.0, "mm": 1.0, "centimetre": 10.0, "centimeter": 10.0, "cm": 10.0,
    "metre": 1000.0, "meter": 1000.0, "m": 1000.0,
}  # fmt: skip
_SAME_UNIT: Final = 1e-3
_PLAUSIBLE_MM: Final = (1e-9, 1e9)
_DEFINED_BY_AT_MOST: Final = 8
_FACTORS: Final = {"LENGTH_MEASURE", "POSITIVE_LENGTH_MEASURE"}
_CONTEXT: Final = "GLOBAL_UNIT_ASSIGNED_CONTEXT"


def length_unit(scan: StepScan) -> LengthUnit:
    """Return the length unit of the file.

    Raises:
        UnitConversionError: When a context used by a shape has no length unit, or one that cannot be
            followed to metres with a plausible factor.
    """
    if scan.missing_units:
        raise _refused("The unit refers to what is not there.", "missing", count=len(scan.missing_units))
    units = [_unit_of(scan, context) for context in _contexts(scan)]
    if not units:
        raise _refused("The file states no units.", "no_context")
    return units[0]


def _contexts(scan: StepScan) -> list[Instance]:
    """Return the contexts of all shapes, that of a root product first; all there are if no shape has one."""
    shapes = [*_root_shapes(scan), *_all_shapes(scan)]
    contexts = {context.identifier: context for shape in shapes if (context := _context_of(scan, shape))}
    return list(contexts.values()) or scan.with_keyword(_CONTEXT)


def _root_shapes(scan: StepScan) -> Iterator[Instance]:
    """Yield the representations of products no assembly uses."""
    used = set()
    for usage in scan.with_keyword("NEXT_ASSEMBLY_USAGE_OCCURRENCE"):
        record = usage.first("PRODUCT_DEFINITION_RELATIONSHIP", "NEXT_ASSEMBLY_USAGE_OCCURRENCE") or []
        used |= {parameter.target for parameter in record[4:5] if isinstance(parameter, Reference)}
    for link in scan.with_keyword("SHAPE_DEFINITION_REPRESENTATION"):
        record = link.first("SHAPE_DEFINITION_REPRESENTATION") or []
        definition, shape = (_follow(scan, record[i : i + 1]) for i in (0, 1))
        described = definition.first("PRODUCT_DEFINITION_SHAPE") if definition else None
        product = _follow(scan, (described or [])[2:3])
        if shape and product and product.first("PRODUCT_DEFINITION") and product.identifier not in used:
            yield shape


def _all_shapes(scan: StepScan) -> Iterator[Instance]:
    for keyword in ("SHAPE_REPRESENTATION", "ADVANCED_BREP_SHAPE_REPRESENTATION", *_OTHER_SHAPES):
        yield from scan.with_keyword(keyword)


_OTHER_SHAPES: Final = (
    "MANIFOLD_SURFACE_SHAPE_REPRESENTATION",
    "FACETED_BREP_SHAPE_REPRESENTATION",
    "GEOMETRICALLY_BOUNDED_SURFACE_SHAPE_REPRESENTATION",
    "GEOMETRICALLY_BOUNDED_WIREFRAME_SHAPE_REPRESENTATION",
    "EDGE_BASED_WIREFRAME_SHAPE_REPRESENTATION",
    "SHELL_BASED_WIREFRAME_SHAPE_REPRESENTATION",
    "CSG_SHAPE_REPRESENTATION",
)


def _context_of(scan: StepScan, shape: Instance) -> Instance | None:
    for keyword, record in shape.records.items():
        if keyword.endswith("REPRESENTATION") and len(record) > 2:
            return _follow(scan, record[2:3])
    return None


def _unit_of(scan: StepScan, context: Instance) -> LengthUnit:
    record = context.first(_CONTEXT)
    listed = record[0] if record else []
    for parameter in listed if isinstance(listed, list) else []:
        unit = _follow(scan, [parameter])
        if unit and "LENGTH_UNIT" in unit.records:
            return _checked(_resolved(scan, unit, steps=0))
    raise _refused("The file states no unit of length.", "no_length_unit")


def _resolved(scan: StepScan, unit: Instance, *, steps: int) -> LengthUnit:
    if steps > _DEFINED_BY_AT_MOST:
        raise _refused("The unit is defined by itself.", "cycle")
    if "LENGTH_UNIT" not in unit.records:
        raise _refused("The unit of length is defined by something else.", "wrong_kind")
    if record := unit.first("SI_UNIT"):
        return _si_unit(record)
    if record := unit.first("CONVERSION_BASED_UNIT"):
        return _conversion_unit(scan, record, steps=steps)
    raise _refused("The unit of length is not defined.", "undefined")


def _si_unit(record: list[Parameter]) -> LengthUnit:
    prefix, name = (str(parameter).strip(".") for parameter in [*record, "", ""][:2])
    if name != "METRE":
        raise _refused("The unit of length is not the metre.", "wrong_kind")
    if prefix in {"$", "*"}:
        return LengthUnit("metre", 1000.0)
    if prefix not in _PREFIXES:
        raise _refused("The unit has an unknown prefix.", "prefix")
    return LengthUnit(f"{prefix.lower()}metre", 1000.0 * _PREFIXES[prefix])


def _conversion_unit(scan: StepScan, record: list[Parameter], *, steps: int) -> LengthUnit:
    name = str(record[0]).lower() if isinstance(record[0], Text) else ""
    measure = _follow(scan, record[1:2])
    parameters = measure.first("LENGTH_MEASURE_WITH_UNIT") if measure else None
    # As a complex instance the values stand in the record of the supertype.
    parameters = parameters or (measure.first("MEASURE_WITH_UNIT") if parameters == [] and measure else None)
    base = _follow(scan, (parameters or [])[1:2])
    if not parameters or base is None:
        raise _refused("The unit is converted by something that is no length.", "wrong_kind")
    millimetres = _factor(parameters[0]) * _resolved(scan, base, steps=steps + 1).millimetres
    return LengthUnit(name[:64] or "unnamed", millimetres)


def _factor(parameter: Parameter) -> float:
    if not isinstance(parameter, Typed) or parameter.keyword not in _FACTORS or len(parameter.parameters) != 1:
        raise _refused("The conversion factor is no length.", "factor_kind")
    word = parameter.parameters[0]
    try:
        factor = float(word) if isinstance(word, str) else math.nan
    except ValueError:
        factor = math.nan
    # A numeral beyond every double (1.E999) is a number still; what it does to the geometry is for the kernel to say.
    beyond = factor == math.inf and isinstance(word, str) and word[:1].isdigit()
    if not (beyond or math.isfinite(factor)) or factor <= 0:
        raise _refused("The conversion factor is not a positive number.", "factor_range")
    return factor


def _checked(unit: LengthUnit) -> LengthUnit:
    if math.isinf(unit.millimetres):
        return unit
    if not _PLAUSIBLE_MM[0] <= unit.millimetres <= _PLAUSIBLE_MM[1]:
        raise _refused("The unit of length is not plausible.", "implausible")
    expected = _WELL_KNOWN_MM.get(unit.name, unit.millimetres)
    if not math.isclose(unit.millimetres, expected, rel_tol=_SAME_UNIT):
        raise _refused("The unit's name and its factor contradict each other.", "contradiction")
    return unit


def _follow(scan: StepScan, parameters: list[Parameter]) -> Instance | None:
    return scan.instance(p.target) if parameters and isinstance(p := parameters[0], Reference) else None


def _refused(message: str, reason: str, **facts: int) -> UnitConversionError:
    return UnitConversionError(message, details={"stage": "units", "reason": reason, **facts})
