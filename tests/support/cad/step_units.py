"""Ways in which STEP files state their unit of length, and a box that is measured in one."""

from __future__ import annotations

from tests.support.cad.step_box import BOX_DATA
from tests.support.cad.step_text import step_file

__all__ = [
    "CENTIMETRE", "CONTEXT", "INCH", "MILLIMETRE", "ODD_CONTEXTS", "ODD_UNITS", "PLAIN_UNITS", "box_file", "converted",
]  # fmt: skip

MILLIMETRE = "(LENGTH_UNIT()NAMED_UNIT(*)SI_UNIT(.MILLI.,.METRE.))"
CENTIMETRE = "(LENGTH_UNIT()NAMED_UNIT(*)SI_UNIT(.CENTI.,.METRE.))"
INCH = "(CONVERSION_BASED_UNIT('INCH',#15)LENGTH_UNIT()NAMED_UNIT(#17))"
CONTEXT = (
    "(GEOMETRIC_REPRESENTATION_CONTEXT(3)GLOBAL_UNCERTAINTY_ASSIGNED_CONTEXT((#14))"
    "GLOBAL_UNIT_ASSIGNED_CONTEXT((#11,#12,#13))REPRESENTATION_CONTEXT('',''))"
)
_MEASURE = "LENGTH_MEASURE_WITH_UNIT(LENGTH_MEASURE(25.4),#16)"


def box_file(unit: str = MILLIMETRE, *, context: str = CONTEXT, more: str = "", schema: str = "") -> bytes:
    """Return a file with a box whose unit is ``#11`` and whose context is ``#10``; ``more`` are statements."""
    assert f"#11={MILLIMETRE};" in BOX_DATA
    assert f"#10={CONTEXT};" in BOX_DATA
    data = BOX_DATA.replace(f"#11={MILLIMETRE};", f"#11={unit};{more}").replace(f"#10={CONTEXT};", f"#10={context};")
    return step_file(data, schema=schema) if schema else step_file(data)


def converted(measure: str = _MEASURE, *, unit: str = INCH, base: str = MILLIMETRE) -> tuple[str, str]:
    """Return a unit made by conversion and the statements that define it."""
    return unit, f"#15={measure};#16={base};#17=DIMENSIONAL_EXPONENTS(1.,0.,0.,0.,0.,0.,0.);"


def _of(*records: str) -> str:
    return f"({''.join(records)})"


_CONVERSION, _LENGTH, _NAMED = "CONVERSION_BASED_UNIT('INCH',#15)", "LENGTH_UNIT()", "NAMED_UNIT(#17)"
_COMPLEX = ("LENGTH_MEASURE_WITH_UNIT()", "MEASURE_WITH_UNIT(LENGTH_MEASURE(25.4),#16)")
_ITEM = (_COMPLEX[0], "MEASURE_REPRESENTATION_ITEM()", _COMPLEX[1], "REPRESENTATION_ITEM('')")

PLAIN_UNITS: dict[str, tuple[str, str, float]] = {
    "millimetre": (MILLIMETRE, "", 1.0),
    "metre": (MILLIMETRE.replace(".MILLI.", "$"), "", 1000.0),
    "records of an SI unit in another order": (_of("SI_UNIT(.CENTI.,.METRE.)", "NAMED_UNIT(*)", _LENGTH), "", 10.0),
    "inch": (*converted(), 25.4),
    "inch of centimetres": (*converted(_MEASURE.replace("25.4", "2.54"), base=CENTIMETRE), 25.4),
    "supertype": (*converted("MEASURE_WITH_UNIT(LENGTH_MEASURE(25.4),#16)"), 25.4),
    "no type": (*converted("LENGTH_MEASURE_WITH_UNIT(25.4,#16)"), 25.4),
    "supertype without type": (*converted("MEASURE_WITH_UNIT(25.4,#16)"), 25.4),
    "positive length": (*converted("LENGTH_MEASURE_WITH_UNIT(POSITIVE_LENGTH_MEASURE(25.4),#16)"), 25.4),
    "exponent": (*converted("LENGTH_MEASURE_WITH_UNIT(LENGTH_MEASURE(+2.54E+01),#16)"), 25.4),
    "an integer": (*converted("LENGTH_MEASURE_WITH_UNIT(3,#16)", unit=INCH.replace("INCH", "hand")), 3.0),
    "small letters in the name": (*converted(unit=INCH.replace("INCH", "inch")), 25.4),
    "survey foot": (*converted(_MEASURE.replace("25.4", "304.8006"), unit=INCH.replace("INCH", "FOOT")), 304.8006),
}
"""Name -> unit, statements, mm per unit; the kernel reads these as they stand."""

ODD_UNITS: dict[str, tuple[str, str, float]] = {
    "complex measure": (*converted(_of(*_COMPLEX)), 25.4),
    "complex measure, backwards": (*converted(_of(*_COMPLEX[::-1])), 25.4),
    "complex measure without type": (*converted(_of(*_COMPLEX).replace("LENGTH_MEASURE(25.4)", "25.4")), 25.4),
    "measure that is an item": (*converted(_of(*_ITEM)), 25.4),
    "measure that is an item, backwards": (*converted(_of(*_ITEM[::-1])), 25.4),
    "length that may be 0": (*converted("LENGTH_MEASURE_WITH_UNIT(NON_NEGATIVE_LENGTH_MEASURE(25.4),#16)"), 25.4),
    "type of the unit": (*converted("LENGTH_MEASURE_WITH_UNIT(LENGTH_UNIT(25.4),#16)"), 25.4),
    "type in a type": (*converted(_MEASURE.replace("(25.4)", "(POSITIVE_LENGTH_MEASURE(25.4))")), 25.4),
    "ratio": (*converted("LENGTH_MEASURE_WITH_UNIT(RATIO_MEASURE(25.4),#16)"), 25.4),
    "measure with an attribute too many": (*converted(_MEASURE.replace("#16)", "#16,$)")), 25.4),
    "conversion last": (*converted(unit=_of(_LENGTH, _NAMED, _CONVERSION)), 25.4),
    "conversion in the middle": (*converted(unit=_of(_NAMED, _CONVERSION, _LENGTH)), 25.4),
    "conversion without dimensions": (*converted(unit=_of(_CONVERSION, _LENGTH)), 25.4),
    "conversion with an offset of 0": (
        *converted(unit=_of(_CONVERSION, "CONVERSION_BASED_UNIT_WITH_OFFSET(0.)", _LENGTH, _NAMED)),
        25.4,
    ),
    "simple conversion": (*converted(unit="CONVERSION_BASED_UNIT(#17,'INCH',#15)"), 25.4),
    "simple conversion with an offset of 0": (
        *converted(unit="CONVERSION_BASED_UNIT_WITH_OFFSET(#17,'INCH',#15,0.)"),
        25.4,
    ),
    "conversion without a name": (*converted(unit=INCH.replace("'INCH'", "$")), 25.4),
    "foot of inches": (
        "(CONVERSION_BASED_UNIT('FOOT',#18)LENGTH_UNIT()NAMED_UNIT(#17))",
        f"#18={_MEASURE.replace('25.4', '12').replace('#16', '#19')};#19={INCH};{converted()[1]}",
        304.8,
    ),
    "simple SI unit": ("SI_UNIT(.CENTI.,.METRE.)", "", 10.0),
    "simple SI unit with dimensions": ("SI_UNIT(*,.CENTI.,.METRE.)", "", 10.0),
    "inch of a simple SI unit": (*converted(base="SI_UNIT(.MILLI.,.METRE.)"), 25.4),
    "SI unit without dimensions": ("(LENGTH_UNIT()SI_UNIT(.CENTI.,.METRE.))", "", 10.0),
    "SI unit of meters": (CENTIMETRE.replace("METRE", "METER"), "", 10.0),
    "SI unit with a common misspelling": (CENTIMETRE.replace("CENTI", "DEKA"), "", 10_000.0),
    "SI unit in small letters": (CENTIMETRE.replace("CENTI", "centi").replace("METRE", "metre"), "", 10.0),
    "a name alone": ("(CONTEXT_DEPENDENT_UNIT('Inches')LENGTH_UNIT()NAMED_UNIT(#17))", converted()[1], 25.4),
}
"""Likewise; the kernel takes them for millimetres, for nothing, or crashes."""

_GEOMETRIC, _UNITS = "GEOMETRIC_REPRESENTATION_CONTEXT(3)", "GLOBAL_UNIT_ASSIGNED_CONTEXT((#12,#11,#13))"
_TOLERANCE, _REPRESENTATION = "GLOBAL_UNCERTAINTY_ASSIGNED_CONTEXT((#14))", "REPRESENTATION_CONTEXT('','')"
ODD_CONTEXTS: dict[str, str] = {
    "backwards": _of(_REPRESENTATION, _UNITS, _TOLERANCE, _GEOMETRIC),
    "units before tolerance": _of(_GEOMETRIC, _UNITS, _TOLERANCE, _REPRESENTATION),
    "units first": _of(_UNITS, _GEOMETRIC, _REPRESENTATION),
    "with parameters": _of(_GEOMETRIC, _UNITS, "PARAMETRIC_REPRESENTATION_CONTEXT()", _REPRESENTATION),
    "without geometry": _of(_UNITS, _REPRESENTATION),
    "without name": _of(_GEOMETRIC, _UNITS),
    "simple": "GLOBAL_UNIT_ASSIGNED_CONTEXT('','',(#12,#11,#13))",
    "one unit without a list": _of(_GEOMETRIC, "GLOBAL_UNIT_ASSIGNED_CONTEXT(#11)", _REPRESENTATION),
}
"""Contexts in which the kernel does not see the unit."""
