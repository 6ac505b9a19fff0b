"""The length unit of a STEP file, followed through its instances."""

from __future__ import annotations

import math

import pytest

from designs.cad import length_unit, scan_step
from designs.cad.part21.unit_names import plain_name
from designs.exceptions import UnitConversionError
from enginel.sample.corpus import GOOD, GoodFile, sample_path
from tests.designs.cad.conftest import Stored
from tests.support.cad.step_text import UNITS, product, step_file, usage

STEP_FILES = [good for good in GOOD if good.kind == "step"]
MILLIMETRES = {"millimetre": 1.0, "inch": 25.4, "metre": 1000.0}
SI = "(LENGTH_UNIT()NAMED_UNIT(*)SI_UNIT({},.METRE.))"
CONTEXT = "(GEOMETRIC_REPRESENTATION_CONTEXT(3)GLOBAL_UNIT_ASSIGNED_CONTEXT((#{}))REPRESENTATION_CONTEXT('',''))"

SHAPES_WITH_AND_WITHOUT = "#3=SHAPE_REPRESENTATION('',(#3),#2);#4=FACETED_BREP_SHAPE_REPRESENTATION('',(#3),$);"


def converted(name: str, measure: str, base: str = SI.format(".MILLI.")) -> str:
    unit = f"(CONVERSION_BASED_UNIT('{name}',#3)LENGTH_UNIT()NAMED_UNIT(#5))"
    exponents = "DIMENSIONAL_EXPONENTS(1.,0.,0.,0.,0.,0.,0.)"
    return f"#1={unit};#2={CONTEXT.format(1)};#3={measure};#4={base};#5={exponents};"


def factor(value: str) -> str:
    return f"LENGTH_MEASURE_WITH_UNIT(LENGTH_MEASURE({value}),#4)"


@pytest.mark.parametrize("good", STEP_FILES, ids=lambda good: good.name)
def test_samples_state_their_unit(good: GoodFile) -> None:
    unit = length_unit(scan_step(sample_path(good.name)))

    assert unit.name == good.unit
    assert unit.millimetres == pytest.approx(MILLIMETRES[good.unit])
    assert not unit.assumed


@pytest.mark.parametrize(
    ("prefix", "name", "millimetres"),
    [
        ("$", "metre", 1000),
        (".MILLI.", "millimetre", 1),
        (".KILO.", "kilometre", 1e6),
        (".MICRO.", "micrometre", 1e-3),
    ],
)
def test_si_prefixes_are_followed(stored: Stored, prefix: str, name: str, millimetres: float) -> None:
    unit = length_unit(scan_step(stored(step_file(f"#1={SI.format(prefix)};#2={CONTEXT.format(1)};"))))

    assert unit.name == name
    assert unit.millimetres == pytest.approx(millimetres)


@pytest.mark.parametrize(
    ("name", "measure", "base", "millimetres"),
    [
        ("inch", factor("25.4"), ".MILLI.", 25.4),
        ("INCH", factor("2.54"), ".CENTI.", 25.4),
        ("FURLONG", factor("201.168"), "$", 201168),
        ("", factor("3."), "$", 3000),
        ("INCH", "(LENGTH_MEASURE_WITH_UNIT()MEASURE_WITH_UNIT(LENGTH_MEASURE(25.4),#4))", ".MILLI.", 25.4),
        ("INCH", "LENGTH_MEASURE_WITH_UNIT(POSITIVE_LENGTH_MEASURE(25.4),#4)", ".MILLI.", 25.4),
    ],
)
def test_conversions_are_followed(stored: Stored, name: str, measure: str, base: str, millimetres: float) -> None:
    unit = length_unit(scan_step(stored(step_file(converted(name, measure, SI.format(base))))))

    assert unit.name == (name.lower() or "unnamed")
    assert unit.millimetres == pytest.approx(millimetres)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("#1=MANIFOLD_SOLID_BREP('',#2);#2=A(#1);", "no_context"),
        (product(10, "top") + product(20, "part") + usage(30, 10, 20), "no_context"),
        (f"#1={SI.format('$')};#2={CONTEXT.format(1)};{SHAPES_WITH_AND_WITHOUT}", "no_context"),
        (f"#2={CONTEXT.format(1)};", "missing"),
        (f"#1=(MASS_UNIT()NAMED_UNIT(*)SI_UNIT(.KILO.,.GRAM.));#2={CONTEXT.format(1)};", "no_length_unit"),
        (f"#1=(LENGTH_UNIT()NAMED_UNIT(*)SI_UNIT(.KILO.,.GRAM.));#2={CONTEXT.format(1)};", "wrong_kind"),
        (f"#1={SI.format('.MILLY.')};#2={CONTEXT.format(1)};", "prefix"),
        (f"#1=(LENGTH_UNIT()NAMED_UNIT(*));#2={CONTEXT.format(1)};", "undefined"),
        (f"#1={SI.format('.ATTO.')};#2={CONTEXT.format(1)};", "implausible"),
        (converted("x", factor("0.")), "factor_range"),
        (converted("x", factor("-1.")), "factor_range"),
        (converted("x", factor("1.E999")), "factor_range"),
        (converted("x", factor("-1.E999")), "factor_range"),
        (converted("x", factor("INF")), "factor_range"),
        (converted("x", factor("'1.'")), "factor_range"),
        (converted("x", factor("NAN")), "factor_range"),
        (converted("x", factor("$")), "factor_range"),
        (converted("x", factor("1.E-30")), "implausible"),
        (converted("x", factor("1.,2.")), "factor_kind"),
        (converted("x", "LENGTH_MEASURE_WITH_UNIT(MASS_MEASURE(1.),#4)"), "factor_kind"),
        (converted("x", "LENGTH_MEASURE_WITH_UNIT(AREA_MEASURE(1.),#4)"), "factor_kind"),
        (converted("x", "LENGTH_MEASURE_WITH_UNIT(VOLUME_MEASURE(LENGTH_MEASURE(1.)),#4)"), "factor_kind"),
        (converted("x", "MASS_MEASURE_WITH_UNIT(MASS_MEASURE(1.),#4)"), "wrong_kind"),
        (converted("x", factor("1."), "(MASS_UNIT()NAMED_UNIT(*)SI_UNIT($,.GRAM.))"), "wrong_kind"),
        (converted("x", "LENGTH_MEASURE_WITH_UNIT(LENGTH_MEASURE(1.),#1)"), "cycle"),
        (converted("x", "LENGTH_MEASURE_WITH_UNIT(LENGTH_MEASURE(1.),#77)"), "missing"),
        (converted("INCH", factor("254.")), "contradiction"),
    ],
)
def test_units_that_lead_nowhere_are_refused(stored: Stored, data: str, reason: str) -> None:
    scan = scan_step(stored(step_file(data)))

    with pytest.raises(UnitConversionError) as caught:
        length_unit(scan)

    assert (caught.value.details["stage"], caught.value.details["reason"]) == ("units", reason)


INCHES_AND_METRES = (
    f"#1={SI.format('$')};#2={CONTEXT.format(1)};#3={SI.format('.MILLI.')};#4={CONTEXT.format(3)};"
    "#5=SHAPE_REPRESENTATION('part',(),#2);#6=SHAPE_REPRESENTATION('top',(),#4);"
    "#7=PRODUCT_DEFINITION_SHAPE('','',#10);#8=SHAPE_DEFINITION_REPRESENTATION(#7,#6);"
    "#17=PRODUCT_DEFINITION_SHAPE('','',#20);#18=SHAPE_DEFINITION_REPRESENTATION(#17,#5);"
) + product(10, "top") + product(20, "part")  # fmt: skip


def test_the_unit_of_the_root_product_counts_where_contexts_differ(stored: Stored) -> None:
    scan = scan_step(stored(step_file(INCHES_AND_METRES + usage(30, 10, 20))))

    assert length_unit(scan).name == "millimetre"


def test_every_context_a_shape_uses_needs_a_sound_unit(stored: Stored) -> None:
    damaged = INCHES_AND_METRES.replace("SI_UNIT($,", "SI_UNIT(.BOGUS.,") + usage(30, 10, 20)

    with pytest.raises(UnitConversionError):
        length_unit(scan_step(stored(step_file(damaged))))


def test_a_context_no_shape_uses_is_ignored(stored: Stored) -> None:
    data = UNITS + "#3=SHAPE_REPRESENTATION('',(),#2);#4=(MASS_UNIT());" + f"#5={CONTEXT.format(4)};"

    assert length_unit(scan_step(stored(step_file(data)))).name == "millimetre"


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("INCH", "inch"),
        ("Inch", "inch"),
        ("IN", "inch"),
        (" inches. ", "inch"),
        ("'INCH'", "inch"),
        ("MILLIMETERS", "millimetre"),
        ("Millimetre", "millimetre"),
        ("MM", "millimetre"),
        ("FEET", "foot"),
        ("SURVEY_FOOT", "survey foot"),
        ("INCHWORM", "inchworm"),
        ("s", "s"),
    ],
)
def test_names_are_told_in_one_spelling(written: str, name: str) -> None:
    assert plain_name(written) == name


@pytest.mark.parametrize("name", ["INCH", "IN", "Inches", "inch."])
def test_a_name_in_any_spelling_that_contradicts_its_factor_is_refused(stored: Stored, name: str) -> None:
    with pytest.raises(UnitConversionError) as caught:
        length_unit(scan_step(stored(step_file(converted(name, factor("2.54"))))))

    assert caught.value.details == {
        "stage": "units", "reason": "contradiction", "entity": "#1", "line": 4, "section": "DATA",
    }  # fmt: skip


@pytest.mark.parametrize("data", ["", "#1=A();", product(10, "part")])
def test_a_file_without_a_model_has_no_unit(stored: Stored, data: str) -> None:
    unit = length_unit(scan_step(stored(step_file(data))))

    assert (unit.name, unit.assumed) == ("", True)
    assert math.isnan(unit.millimetres)


def test_a_shape_that_holds_nothing_needs_no_unit(stored: Stored) -> None:
    data = UNITS + "#3=SHAPE_REPRESENTATION('',(),#2);#4=ADVANCED_BREP_SHAPE_REPRESENTATION('',(),$);"

    assert length_unit(scan_step(stored(step_file(data)))).name == "millimetre"
