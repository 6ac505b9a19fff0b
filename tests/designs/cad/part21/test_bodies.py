"""Which bodies a file defines and places, by its text alone."""

from __future__ import annotations

import tracemalloc

import pytest

from designs.cad import Bodies, bodies_of, defined_solids, scan_step
from enginel.sample.corpus import GOOD, GoodFile, sample_path
from tests.designs.cad.conftest import Stored
from tests.support.cad.step_bodies import StepText

EXACT = "ADVANCED_BREP_SHAPE_REPRESENTATION"
SOLID = "MANIFOLD_SOLID_BREP('',$)"


def bodies(stored: Stored, text: StepText) -> Bodies:
    return bodies_of(scan_step(stored(text.file())))


@pytest.mark.parametrize("good", [good for good in GOOD if good.kind == "step"], ids=lambda good: good.name)
def test_the_solids_of_sound_files_are_those_the_kernel_finds(good: GoodFile) -> None:
    found = bodies_of(scan_step(sample_path(good.name)))

    assert (found.placed_solids, found.positioned_solids) == (good.solids, good.solids)
    assert (found.mesh_solids, found.ignores_meshes) == (0, False)
    assert found.warnings == (
        ("Parts without a solid body in this file: FOOT, HEAD, MAINBODY, TAIL.",) if not good.solids else ()
    )


def test_solids_of_a_construction_or_a_drawing_are_not_defined_bodies(stored: Stored) -> None:
    text = StepText()
    part, drawn, tool = (text.add(SOLID) for _ in range(3))
    text.part("part", part)
    text.add(f"STYLED_ITEM('',(),{drawn})")
    text.add(f"CONSTRUCTIVE_GEOMETRY_REPRESENTATION('',({tool}),#2)")

    assert defined_solids(scan_step(stored(text.file()))) == 1


@pytest.mark.parametrize(
    "record",
    [
        "(ADVANCED_BREP_SHAPE_REPRESENTATION()REPRESENTATION('',({items}),#2)SHAPE_REPRESENTATION())",
        "(SHAPE_REPRESENTATION()REPRESENTATION('',({items}),#2)FACETED_BREP_SHAPE_REPRESENTATION())",
        "SHAPE_REPRESENTATION_WITH_PARAMETERS('',({items}),#2)",
    ],
)
def test_a_representation_may_be_written_in_any_form(stored: Stored, record: str) -> None:
    text = StepText()
    shape = text.add(record.replace("{items}", text.add(SOLID)))
    text.shaped(text.bare("part"), shape)

    assert bodies(stored, text).placed_solids == 1


def test_a_solid_may_be_a_complex_instance(stored: Stored) -> None:
    text = StepText()
    text.part(
        "part",
        text.add(
            "(BREP_WITH_VOIDS(())FACETED_BREP()GEOMETRIC_REPRESENTATION_ITEM()MANIFOLD_SOLID_BREP($)"
            "REPRESENTATION_ITEM('')SOLID_MODEL())"
        ),
    )

    assert bodies(stored, text).placed_solids == 1


def nested(text: StepText, levels: int, copies: int) -> None:
    """Write a part whose shape maps a shape ``copies`` times that maps a shape ``copies`` times ..."""
    shape = text.add(f"{EXACT}('',({text.add(SOLID)}),#2)")
    for _ in range(levels):
        shown = text.add(f"REPRESENTATION_MAP({text.placement()},{shape})")
        items = ",".join(text.add(f"MAPPED_ITEM('',{shown},{text.placement(x)})") for x in range(copies))
        shape = text.add(f"SHAPE_REPRESENTATION('',({items}),#2)")
    text.shaped(text.bare("part"), shape)


@pytest.mark.parametrize(("levels", "copies", "solids"), [(1, 3, 3), (4, 2, 16), (60, 2, 10**15), (3_000, 1, 1)])
def test_mapped_shapes_multiply_and_are_not_walked(stored: Stored, levels: int, copies: int, solids: int) -> None:
    text = StepText()
    nested(text, levels, copies)

    assert bodies(stored, text).placed_solids == solids


def test_mapped_shapes_that_contain_themselves_end(stored: Stored) -> None:
    text = StepText()
    first, second = text.add("REPRESENTATION_MAP($,#900)"), text.add("REPRESENTATION_MAP($,#901)")
    items = [text.add(f"MAPPED_ITEM('',{shown},$)") for shown in (first, second)]
    data = text.file().replace(
        b"\nENDSEC;\nEND-ISO",
        f"#900=SHAPE_REPRESENTATION('',({items[1]},{text.add(SOLID)}),#2);#901=SHAPE_REPRESENTATION('',({items[0]}),#2);"
        "\nENDSEC;\nEND-ISO".encode(),
    )

    assert bodies_of(scan_step(stored(data))).placed_solids == 0


def test_a_file_of_many_usages_takes_memory_by_its_size(stored: Stored) -> None:
    text = StepText()
    top, part = text.assembly("top"), text.part("part", text.add(SOLID))
    for x in range(3_000):
        text.use(top, part, x)
    scan = scan_step(stored(text.file()))
    scan.with_keyword("PRODUCT")

    tracemalloc.start()
    try:
        found = bodies_of(scan)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert (found.placed_solids, found.positioned_solids) == (3_000, 3_000)
    assert peak_bytes < 5_000_000
