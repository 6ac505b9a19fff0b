"""Files in every unit, from the scan to the kernel: the lengths are right, or the unit is refused."""

from __future__ import annotations

from typing import Any

import pytest

from designs.cad import ExpectedUnits, FileKind, expected_units, scan_step
from designs.cad.part21 import has_odd_units, read_units, scan_text, with_plain_units
from designs.cad.unit_witness import check_units
from designs.exceptions import GeometryProcessingError, UnitConversionError
from tests.designs.cad.conftest import Stored
from tests.support.cad.pipeline import process
from tests.support.cad.step_box import BOX_DATA, BOX_MM, BOX_VOLUME_MM3
from tests.support.cad.step_text import step_file
from tests.support.cad.step_units import (
    CENTIMETRE,
    CONTEXT,
    INCH,
    MILLIMETRE,
    ODD_CONTEXTS,
    ODD_UNITS,
    PLAIN_UNITS,
    box_file,
    converted,
)

ENOUGH_SECONDS = 20.0
UNITS = {**PLAIN_UNITS, **ODD_UNITS}


def check_is_the_box(content: bytes, stored: Stored, millimetres: float) -> tuple[str, ...]:
    """Check unit and measures; return the warnings."""
    unit, _, summary = process(stored(content), FileKind.STEP, ENOUGH_SECONDS)

    assert unit.millimetres == pytest.approx(millimetres)
    assert summary.box_mm == pytest.approx([side * millimetres for side in BOX_MM])
    assert summary.volume_mm3 == pytest.approx(BOX_VOLUME_MM3 * millimetres**3)
    return summary.warnings


@pytest.mark.parametrize("name", UNITS)
def test_a_box_has_its_size_in_whatever_form_the_unit_is_stated(stored: Stored, name: str) -> None:
    unit, more, millimetres = UNITS[name]

    warnings = check_is_the_box(box_file(unit, more=more), stored, millimetres)

    assert len(warnings) == (name == "a name alone") + (max(BOX_MM) * millimetres > 1e5)


@pytest.mark.parametrize("name", PLAIN_UNITS)
def test_a_unit_that_the_kernel_reads_is_left_as_it_is(stored: Stored, name: str) -> None:
    unit, more, millimetres = PLAIN_UNITS[name]

    expected = expected_units(scan_step(stored(box_file(unit, more=more))))

    assert expected == ExpectedUnits({10: pytest.approx(millimetres)}, are_odd=False)


@pytest.mark.parametrize("name", ODD_CONTEXTS)
def test_a_box_has_its_size_in_whatever_form_the_context_is_stated(stored: Stored, name: str) -> None:
    check_is_the_box(box_file(CENTIMETRE, context=ODD_CONTEXTS[name]), stored, 10.0)


@pytest.mark.parametrize("name", [*ODD_UNITS, *ODD_CONTEXTS])
def test_what_is_rewritten_states_the_same_unit_and_is_odd_no_more(stored: Stored, name: str) -> None:
    unit, more, millimetres = ODD_UNITS.get(name, (CENTIMETRE, "", 10.0))
    scan = scan_step(stored(box_file(unit, more=more, context=ODD_CONTEXTS.get(name, CONTEXT))))
    assert has_odd_units(scan) or scan.needs_rewrite

    again = scan_text(with_plain_units(scan))

    assert read_units(again).contexts[10].millimetres == pytest.approx(millimetres)
    assert not has_odd_units(again)
    assert again.entity_count in {scan.entity_count, scan.entity_count + 2}
    assert with_plain_units(again) == again.data


def test_odd_units_and_odd_words_are_rewritten_together(stored: Stored) -> None:
    unit, more, millimetres = ODD_UNITS["conversion last"]
    content = box_file(unit, more=more, context=ODD_CONTEXTS["backwards"])
    for written, odd in (
        (b"\n#20=", b"\f\n#20/* #10=A(); */="),
        (b"#11=", b"#0011\n="),
        (b"'box'", b"'#10=('"),
    ):
        content = content.replace(written, odd)

    check_is_the_box(content, stored, millimetres)


@pytest.mark.parametrize(
    ("unit", "more"),
    [
        (MILLIMETRE.replace("MILLI", "MILLY"), ""),
        ("(MASS_UNIT()NAMED_UNIT(*)SI_UNIT(.KILO.,.GRAM.))", ""),
        ("(LENGTH_UNIT()MASS_UNIT()NAMED_UNIT(*)SI_UNIT(.MILLI.,.METRE.))", ""),
        converted("LENGTH_MEASURE_WITH_UNIT(LENGTH_MEASURE(0.),#16)"),
        converted("LENGTH_MEASURE_WITH_UNIT(LENGTH_MEASURE(-25.4),#16)"),
        converted("LENGTH_MEASURE_WITH_UNIT('25.4',#16)"),
        converted("LENGTH_MEASURE_WITH_UNIT(MASS_MEASURE(25.4),#16)"),
        converted("MASS_MEASURE_WITH_UNIT(LENGTH_MEASURE(25.4),#16)"),
        converted("LENGTH_MEASURE_WITH_UNIT(LENGTH_MEASURE(25.4),$)"),
        converted(base="(NAMED_UNIT(*)PLANE_ANGLE_UNIT()SI_UNIT($,.RADIAN.))"),
        converted(unit="(CONVERSION_BASED_UNIT('INCH',#15)CONVERSION_BASED_UNIT_WITH_OFFSET(1.)LENGTH_UNIT())"),
        converted(unit=INCH.replace("#15", "$")),
        converted(unit="(CONTEXT_DEPENDENT_UNIT('cubit')LENGTH_UNIT()NAMED_UNIT(#17))"),
        converted(unit="(LENGTH_UNIT()NAMED_UNIT(#17))"),
    ],
)
def test_a_unit_that_is_not_sound_is_an_error_of_units(stored: Stored, unit: str, more: str) -> None:
    with pytest.raises(UnitConversionError) as caught:
        process(stored(box_file(unit, more=more)), FileKind.STEP, ENOUGH_SECONDS)

    assert caught.value.details["stage"] == "units"
    assert caught.value.details["entity"].startswith("#1")


@pytest.mark.parametrize(
    ("context", "reason"),
    [
        ("REPRESENTATION_CONTEXT('','')", "no_context"),
        ("GEOMETRIC_REPRESENTATION_CONTEXT('','',3)", "no_context"),
        ("(GEOMETRIC_REPRESENTATION_CONTEXT(3)REPRESENTATION_CONTEXT('',''))", "no_length_unit"),
        (CONTEXT.replace("#11,", ""), "no_length_unit"),
        (CONTEXT.replace("#11,", "#11,#18,"), "several_units"),
    ],
)
def test_a_shape_without_one_unit_is_an_error_of_units(stored: Stored, context: str, reason: str) -> None:
    # The unit and a context that states it are there, but the shape does not stand in it.
    content = box_file(context=context, more=f"#18={CENTIMETRE};#19={CONTEXT};")

    with pytest.raises(UnitConversionError) as caught:
        process(stored(content), FileKind.STEP, ENOUGH_SECONDS)

    assert (caught.value.details["stage"], caught.value.details["reason"]) == ("units", reason)


@pytest.mark.parametrize("context", ["$", "#77"])
def test_a_shape_whose_context_is_absent_is_an_error_of_units(stored: Stored, context: str) -> None:
    content = step_file(BOX_DATA.replace("(#20,#30),#10)", f"(#20,#30),{context})"))

    with pytest.raises(UnitConversionError) as caught:
        process(stored(content), FileKind.STEP, ENOUGH_SECONDS)

    assert (caught.value.details["reason"], caught.value.details["entity"]) == ("no_context", "#9")


@pytest.mark.parametrize("data", ["#1=A();", "#1=APPLICATION_CONTEXT('');#2=PRODUCT('','','',());"])
def test_a_file_without_shapes_and_units_is_an_error_of_geometry(stored: Stored, data: str) -> None:
    with pytest.raises(GeometryProcessingError):
        process(stored(step_file(data)), FileKind.STEP, ENOUGH_SECONDS)


@pytest.mark.parametrize("factor", [1.0, 254.0, None])
def test_a_kernel_that_reads_another_unit_is_an_error_of_units(factor: float | None) -> None:
    answer: dict[str, Any] = {"geometry": {"length_factors": {"10": factor}}}

    with pytest.raises(UnitConversionError) as caught:
        check_units(answer, ExpectedUnits({10: 25.4}))

    assert caught.value.details == {
        "stage": "units", "reason": "kernel_disagrees", "entity": "#10", "file_mm": 25.4, "kernel_mm": factor,
    }  # fmt: skip


@pytest.mark.parametrize("geometry", [None, {"failure": "unreadable"}, {"length_factors": {"10": 25.4}}])
def test_a_kernel_that_agrees_or_did_not_come_so_far_is_no_error_of_units(geometry: dict[str, Any] | None) -> None:
    check_units({"geometry": geometry}, ExpectedUnits({10: 25.4}))
