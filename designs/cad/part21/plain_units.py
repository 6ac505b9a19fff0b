"""Rewriting of units and contexts to the only form that the kernel reads; it takes any other for millimetres.

The kernel reads only complex instances with certain records in alphabetical order, and conversions from an SI unit.
A conversion whose records are in another order crashes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from designs.cad.part21.contexts import UNIT_CONTEXT, shape_contexts
from designs.cad.part21.instances import Instance, Parameter, Reference, StepScan, Text, Typed
from designs.cad.part21.length import listed_units, read_units
from designs.cad.part21.odd import MAX_KERNEL_ID
from designs.cad.part21.tokens import EQUALS, REFERENCE, SEMICOLON, TOKEN, words
from designs.cad.units import LengthUnit

__all__ = ["has_odd_units", "with_plain_units"]

_GEOMETRIC: Final = "GEOMETRIC_REPRESENTATION_CONTEXT"
_UNCERTAINTY: Final = "GLOBAL_UNCERTAINTY_ASSIGNED_CONTEXT"
_CONTEXTS: Final = (
    (_GEOMETRIC, UNIT_CONTEXT, "REPRESENTATION_CONTEXT"),
    (_GEOMETRIC, _UNCERTAINTY, UNIT_CONTEXT, "REPRESENTATION_CONTEXT"),
)
_SI: Final = frozenset({"LENGTH_UNIT", "NAMED_UNIT", "SI_UNIT"})
_CONVERSION: Final = ("CONVERSION_BASED_UNIT", "LENGTH_UNIT", "NAMED_UNIT")
_MEASURES: Final = ({"LENGTH_MEASURE_WITH_UNIT"}, {"MEASURE_WITH_UNIT"})
_VALUES: Final = frozenset({"LENGTH_MEASURE", "POSITIVE_LENGTH_MEASURE"})
_PREFIXES: Final = frozenset(
    f".{prefix}."
    for prefix in (
        "EXA", "PETA", "TERA", "GIGA", "MEGA", "KILO", "HECTO", "DECA", "DECI", "CENTI", "MILLI", "MICRO", "NANO",
        "PICO", "FEMTO", "ATTO",
    )
)  # fmt: skip
_MILLIMETRE: Final = b"(LENGTH_UNIT()NAMED_UNIT(*)SI_UNIT(.MILLI.,.METRE.))"


def has_odd_units(scan: StepScan) -> bool:
    """Return whether a shape's context or unit has a form that the kernel does not read; all of them are valid.

    Raises:
        UnitConversionError: As `read_units`.
    """
    return any(True for _ in _odd(scan))


def with_plain_units(scan: StepScan) -> bytes:
    """Return the content of the file with all odd units and contexts in the form that the kernel reads.

    Raises:
        UnitConversionError: As `read_units`.
    """
    data = scan.data
    replaced = {instance.identifier: (instance, unit) for instance, unit in _odd(scan)}
    if not replaced:
        return data
    free = max(int(word) for kind, word in words(data) if kind == REFERENCE) + 1
    if free + 2 * len(replaced) > MAX_KERNEL_ID:
        return data
    pieces, position = list[bytes](), 0
    for identifier in sorted(replaced, key=lambda name: scan.spans[name]):
        instance, unit = replaced[identifier]
        start, end = _record(data, scan.spans[identifier])
        text = _unit_text(unit, free) if unit else _context_text(instance)
        pieces += [data[position:start], text]
        position, free = end, free + 2
    return b"".join((*pieces, data[position:]))


def _odd(scan: StepScan) -> Iterator[tuple[Instance, LengthUnit | None]]:
    """Yield each odd unit with its length, and each odd context with None."""
    lengths = read_units(scan).contexts
    for context in shape_contexts(scan):
        length = lengths[context.identifier]
        if not _is_plain_context(context):
            yield context, None
        for unit in listed_units(scan, context):
            if not (_is_plain_si(unit) or _is_plain_conversion(scan, unit)):
                yield unit, length


def _is_plain_context(context: Instance) -> bool:
    record = context.records.get(UNIT_CONTEXT, [])
    return tuple(context.records) in _CONTEXTS and len(record) == 1 and isinstance(record[0], list)


def _is_plain_si(unit: Instance) -> bool:
    if unit.records.keys() != _SI or len(unit.records["NAMED_UNIT"]) != 1:
        return False
    prefix, name = [*unit.records["SI_UNIT"], "", ""][:2]
    return name == ".METRE." and (prefix == "$" or prefix in _PREFIXES)


def _is_plain_conversion(scan: StepScan, unit: Instance) -> bool:
    if tuple(unit.records) != _CONVERSION or len(unit.records["NAMED_UNIT"]) != 1:
        return False
    name, factor = [*unit.records["CONVERSION_BASED_UNIT"], None, None][:2]
    measure = scan.instance(factor.target) if isinstance(factor, Reference) else None
    if not isinstance(name, Text) or measure is None or measure.records.keys() not in _MEASURES:
        return False
    (record,) = measure.records.values()
    if len(record) != 2 or not isinstance(record[1], Reference):
        return False
    base = scan.instance(record[1].target)
    return _is_plain_value(record[0]) and base is not None and _is_plain_si(base)


def _is_plain_value(value: Parameter) -> bool:
    if isinstance(value, Typed):
        return value.keyword in _VALUES and len(value.parameters) == 1 and isinstance(value.parameters[0], str)
    return isinstance(value, str)


def _record(data: bytes, position: int) -> tuple[int, int]:
    """Return where the record of an instance begins and where its semicolon stands.

    ``position`` is the place that the scan recorded for the instance, before its equals sign.
    """
    start = end = position
    for match in TOKEN.finditer(data, position):
        kind = match.lastindex
        if kind == SEMICOLON:
            end = match.start(kind)
            break
        if kind == EQUALS:
            start = match.end()
    return start, end


def _unit_text(unit: LengthUnit, free: int) -> bytes:
    if unit.millimetres == 1.0:
        return _MILLIMETRE
    length = b"#%d=LENGTH_MEASURE_WITH_UNIT(LENGTH_MEASURE(%b),#%d)" % (free, _real(unit.millimetres), free + 1)
    name = "".join(character for character in unit.name.upper() if character.isascii() and character.isalnum())
    conversion = b"(CONVERSION_BASED_UNIT('%b',#%d)LENGTH_UNIT()NAMED_UNIT(*))" % (name.encode(), free)
    return b";\n".join((conversion, length, b"#%d=%b" % (free + 1, _MILLIMETRE)))


def _real(value: float) -> bytes:
    mantissa, _, exponent = repr(value).upper().partition("E")
    return (mantissa + "." * ("." not in mantissa) + "E" * bool(exponent) + exponent).encode()


def _context_text(context: Instance) -> bytes:
    record = context.records[UNIT_CONTEXT]
    units = next((parameter for parameter in record if isinstance(parameter, list)), record)
    tolerances = context.records.get(_UNCERTAINTY)
    parts = [
        b"GEOMETRIC_REPRESENTATION_CONTEXT(3)",
        b"GLOBAL_UNCERTAINTY_ASSIGNED_CONTEXT(%b)" % _listed(tolerances[0]) if tolerances else b"",
        b"GLOBAL_UNIT_ASSIGNED_CONTEXT(%b)" % _listed(units),
        b"REPRESENTATION_CONTEXT('','')",
    ]
    return b"(%b)" % b"".join(parts)


def _listed(parameter: Parameter) -> bytes:
    items = parameter if isinstance(parameter, list) else [parameter]
    return b"(%b)" % b",".join(b"#%d" % item.target for item in items if isinstance(item, Reference))
