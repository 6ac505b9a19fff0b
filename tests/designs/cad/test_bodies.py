"""Assemblies whose parts are not all solids, through scan and kernel: the right values, and the parts named."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from designs.cad import (
    Expected,
    FileKind,
    bill_of_materials,
    bodies_of,
    defined_solids,
    extract_geometry,
    scan_step,
)
from designs.exceptions import GeometryProcessingError
from tests.designs.cad.conftest import Stored
from tests.support.cad.bodies_kit import EXACT, PLAIN, WAYS, measured, refused, values
from tests.support.cad.step_bodies import Part, StepText
from tests.support.cad.step_text import UNITS, step_file


def document(text: StepText) -> str:
    kind = text.add("DOCUMENT_TYPE('geometry')")
    return text.add(f"DOCUMENT_FILE('part.stp','','',{kind},'',$)")


def sheet(text: StepText) -> Part:
    return text.part("other", text.sheet(4, 5), kind="MANIFOLD_SURFACE_SHAPE_REPRESENTATION")


def wire(text: StepText) -> Part:
    return text.part("other", text.wire(7), kind="GEOMETRICALLY_BOUNDED_WIREFRAME_SHAPE_REPRESENTATION")


def empty(text: StepText) -> Part:
    return text.part("other", kind=PLAIN)


def bare(text: StepText) -> Part:
    return text.bare("other")


def referred(text: StepText) -> Part:
    part = text.bare("other")
    text.add(f"APPLIED_DOCUMENT_REFERENCE({document(text)},'',({part.definition}))")
    return part


def referred_in_place(text: StepText) -> Part:
    part = text.part("other", kind=PLAIN)
    text.add(f"APPLIED_DOCUMENT_REFERENCE({document(text)},'',({part.definition}))")
    return part


def identified(text: StepText) -> Part:
    part = text.bare("other")
    source, role = (
        text.add("EXTERNAL_SOURCE(IDENTIFIER(''))"),
        text.add("IDENTIFICATION_ROLE('external document id',$)"),
    )
    text.add(f"APPLIED_EXTERNAL_IDENTIFICATION_ASSIGNMENT('part.stp',{role},{source},({document(text)}))")
    return part


def associated(text: StepText) -> Part:
    product = text.add("PRODUCT('other','','',())")
    formation = text.add(f"PRODUCT_DEFINITION_FORMATION_WITH_SPECIFIED_SOURCE('','',{product},.NOT_KNOWN.)")
    return Part(text.add(f"PRODUCT_DEFINITION_WITH_ASSOCIATED_DOCUMENTS('','',{formation},$,({document(text)}))"))


def referenced(text: StepText) -> Part:
    source = text.add("EXTERNAL_SOURCE(IDENTIFIER('part.stp'))")
    return Part(text.add(f"PRODUCT_DEFINITION_REFERENCE({source},'other','A','design','Acme')"))


def constructed(text: StepText) -> Part:
    return text.part("other", text.add(f"BLOCK('',{text.placement()},1.,2.,3.)"), kind="CSG_SHAPE_REPRESENTATION")


BODILESS: dict[str, Callable[[StepText], Part]] = {
    "a sheet": sheet,
    "a wire": wire,
    "an empty shape": empty,
    "no shape": bare,
    "a document": referred,
    "a document and an empty shape": referred_in_place,
    "an external identification": identified,
    "associated documents": associated,
    "a reference to a definition": referenced,
    "a construction": constructed,
}


@pytest.mark.parametrize("kind", BODILESS)
def test_a_part_without_a_solid_beside_a_solid_is_named_and_the_rest_measured(stored: Stored, kind: str) -> None:
    text = StepText()
    top, box, other = text.assembly("top"), text.part("box", text.box(1, 2, 3)), BODILESS[kind](text)
    for part, x in ((box, 0), (box, 9), (other, 50), (other, 60), (other, 70)):
        text.use(top, part, x)

    parts, summary = measured(stored, text.file())

    assert parts == {"box": 2, "other": 3}
    assert values(summary) == (2, (10.0, 2.0, 3.0), 12.0, 44.0)
    assert summary.warnings == ("Parts without a solid body in this file: other.",)


def test_an_assembly_of_parts_without_bodies_only_is_accepted(stored: Stored) -> None:
    text = StepText()
    top = text.assembly("top")
    for make in (wire, empty, referred):
        text.use(top, make(text))

    parts, summary = measured(stored, text.file())

    assert (parts, values(summary)) == ({"other": 3}, (0, None, None, 0.0))
    assert len(summary.warnings) == 2


def test_products_beside_each_other_without_an_assembly_are_measured(stored: Stored) -> None:
    text = StepText()
    text.part("box", text.box(1, 2, 3))
    sheet(text)
    # As a product that is a document has no shape, it is not named.
    text.bare("manual")

    _, summary = measured(stored, text.file())

    assert values(summary) == (1, (1.0, 2.0, 3.0), 6.0, 22.0)
    assert summary.warnings == ("Parts without a solid body in this file: other.",)


def test_several_bodies_of_one_part_are_not_taken_for_those_of_others(stored: Stored) -> None:
    text = StepText()
    top, pair, lost = text.assembly("top"), text.part("pair", text.box(1, 2, 3), text.box(1, 1, 1)), empty(text)
    for part, x in ((pair, 0), (pair, 10), (lost, 0), (lost, 10)):
        text.use(top, part, x)

    parts, summary = measured(stored, text.file())

    assert (parts, summary.solids, summary.volume_mm3) == ({"pair": 2, "other": 2}, 4, pytest.approx(14))


# --- how a part has its shape ------------------------------------------------------------------------
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_part_whose_body_stands_in_another_representation_has_it(
    stored: Stored, way: Callable[[StepText, str], Part]
) -> None:
    text = StepText()
    top, part = text.assembly("top"), way(text, text.add(f"{EXACT}('',({text.box(1, 2, 3)}),#2)"))
    text.use(top, part)
    text.use(top, part, 9)

    parts, summary = measured(stored, text.file())

    assert (parts, summary.warnings) == ({"part": 2}, ())
    assert values(summary) == (2, (10.0, 2.0, 3.0), 12.0, 44.0)


def test_an_assembly_placed_by_mapped_items_counts_each_once(stored: Stored) -> None:
    text = StepText()
    box = text.part("box", text.box(1, 2, 3))
    shown = text.add(f"REPRESENTATION_MAP({text.placement()},{box.shape})")
    items = [text.add(f"MAPPED_ITEM('',{shown},{text.placement(x)})") for x in (0, 9)]
    top = text.part("top", *items, kind=PLAIN)
    for _ in items:
        text.add(f"NEXT_ASSEMBLY_USAGE_OCCURRENCE('','','',{top.definition},{box.definition},$)")

    parts, summary = measured(stored, text.file())

    assert (parts, summary.warnings) == ({"box": 2}, ())
    assert values(summary) == (2, (10.0, 2.0, 3.0), 12.0, 44.0)


def test_a_part_whose_quantity_is_stated_is_measured_once_and_named(stored: Stored) -> None:
    text = StepText()
    top, box, cube = text.assembly("top"), text.part("box", text.box(1, 2, 3)), text.part("cube", text.box(1, 1, 1))
    text.use(top, cube, 20)
    measure = text.add("MEASURE_WITH_UNIT(COUNT_MEASURE(4.),$)")
    text.use(
        top,
        box,
        usage=f"QUANTIFIED_ASSEMBLY_COMPONENT_USAGE('','','',{top.definition},{box.definition},$,{measure})",
    )

    parts, summary = measured(stored, text.file())

    assert (parts, summary.solids, summary.volume_mm3) == ({"box": 4, "cube": 1}, 2, pytest.approx(7))
    assert len(summary.warnings) == 1
    assert "box" in summary.warnings[0]


def test_a_stated_quantity_is_not_what_the_kernel_has_to_place(stored: Stored) -> None:
    text = StepText()
    top, box = text.assembly("top"), text.part("box", text.box(1, 2, 3))
    measure = text.add("MEASURE_WITH_UNIT(COUNT_MEASURE(200000.),$)")
    text.use(
        top,
        box,
        usage=f"QUANTIFIED_ASSEMBLY_COMPONENT_USAGE('','','',{top.definition},{box.definition},$,{measure})",
    )

    parts, summary = measured(stored, text.file())

    assert (parts, summary.solids) == ({"box": 200_000}, 1)


# --- losses ------------------------------------------------------------------------------------------
def seven(text: StepText) -> tuple[Part, Part]:
    """Write an assembly of 3 boxes and 4 cubes, and 2 sheets."""
    top, box, cube = text.assembly("top"), text.part("box", text.box(1, 2, 3)), text.part("cube", text.box(1, 1, 1))
    for part, count in ((box, 3), (cube, 4), (sheet(text), 2)):
        for number in range(count):
            text.use(top, part, 10 * number)
    return box, cube


def test_seven_bodies_beside_sheets_are_all_there(stored: Stored) -> None:
    text = StepText()
    seven(text)

    parts, summary = measured(stored, text.file())

    assert (parts, summary.solids) == ({"box": 3, "cube": 4, "other": 2}, 7)


def test_a_body_that_the_kernel_loses_is_a_failure_though_other_parts_have_none(stored: Stored) -> None:
    text = StepText()
    seven(text)
    # The first shell is that of the box: its faces become one, which encloses nothing.
    before, _, after = text.file().partition(b"CLOSED_SHELL('',(")
    damaged = before + b"CLOSED_SHELL('',(" + after[after.index(b"))") :]

    error = refused(stored, damaged)

    assert isinstance(error, GeometryProcessingError)
    assert (error.details["reason"], error.details["solids"], error.details["placed"]) == ("lost_solids", 4, 7)


def test_a_shape_that_is_cut_off_its_part_is_a_loss(stored: Stored) -> None:
    text = StepText()
    text.part("box", text.box(1, 2, 3))
    text.part("cube", text.box(1, 1, 1))
    lines = text.file().split(b"\n")
    del lines[next(number for number, line in enumerate(lines) if b"=SHAPE_DEFINITION_REPRESENTATION(" in line)]

    error = refused(stored, b"\n".join(lines))

    assert (error.details["reason"], error.details["solids"], error.details["bodies"]) == ("lost_solids", 1, 2)


def test_parts_without_a_position_are_told_from_bodies_that_are_lost(stored: Stored) -> None:
    text = StepText()
    top, box = text.assembly("top"), text.part("box", text.box(1, 2, 3))
    text.use(top, box)
    text.add(f"NEXT_ASSEMBLY_USAGE_OCCURRENCE('','','',{top.definition},{box.definition},$)")

    error = refused(stored, text.file())

    assert (error.details["reason"], error.details["solids"], error.details["placed"]) == ("unplaced_parts", 1, 2)


# --- no shape ----------------------------------------------------------------------------------------
def product_only(text: StepText) -> None:
    text.bare("part")


def empty_shape(text: StepText) -> None:
    text.part("part", kind=PLAIN)


def wire_only(text: StepText) -> None:
    wire(text)


@pytest.mark.parametrize(
    ("write", "reason"), [(product_only, "no_shape"), (empty_shape, "no_geometry"), (wire_only, "no_geometry")]
)
def test_a_single_part_without_a_body_is_a_failure_of_the_geometry(
    stored: Stored, write: Callable[[StepText], None], reason: str
) -> None:
    text = StepText()
    write(text)

    error = refused(stored, text.file())

    assert (error.code, error.details["reason"]) == ("geometry_processing_error", reason)


@pytest.mark.parametrize("content", [step_file(""), step_file("").replace(b"DATA;\n\nENDSEC;\n", b"")])
def test_a_header_without_data_has_no_shape(stored: Stored, content: bytes) -> None:
    path = stored(content)
    scan = scan_step(path)
    expected = Expected(bill_of_materials(scan).pieces, defined_solids(scan), bodies_of(scan))

    with pytest.raises(GeometryProcessingError) as caught:
        extract_geometry(path, FileKind.STEP, timeout_seconds=2, memory_limit_bytes=2**32, expected=expected)

    assert caught.value.details == {"stage": "scan", "reason": "no_shape"}


def test_a_file_that_defines_units_only_has_no_shape(stored: Stored) -> None:
    error = refused(stored, step_file(UNITS))

    assert (error.code, error.details["reason"]) == ("geometry_processing_error", "no_shape")
