"""The application protocols that are read, by the names that writers give them."""

from __future__ import annotations

import pytest

from designs.cad import scan_step
from designs.cad.part21.schemas import accepted_schema
from designs.exceptions import InvalidFileFormat
from tests.designs.cad.conftest import Stored
from tests.support.cad.step_text import UNITS, step_file

AP242 = "AP242_MANAGED_MODEL_BASED_3D_ENGINEERING_MIM_LF"
AP203 = "AP203_CONFIGURATION_CONTROLLED_3D_DESIGN_OF_MECHANICAL_PARTS_AND_ASSEMBLIES_MIM_LF"
ACCEPTED = {
    "CONFIG_CONTROL_DESIGN": "CONFIG_CONTROL_DESIGN",
    "CONFIGURATION_CONTROL_3D_DESIGN_MIM_LF": "CONFIGURATION_CONTROL_3D_DESIGN_MIM_LF",
    "CCD_CLA_GVP_AST_ASD": "CCD_CLA_GVP_AST_ASD",
    f"{AP203} {{ 1 0 10303 403 3 1 4}}": AP203,
    "AP203": "AP203",
    "ap203": "AP203",
    "AP203E2": "AP203E2",
    "AUTOMOTIVE_DESIGN": "AUTOMOTIVE_DESIGN",
    "automotive_design": "AUTOMOTIVE_DESIGN",
    "  Automotive design  ": "AUTOMOTIVE_DESIGN",
    "AUTOMOTIVE_DESIGN_CC2 {1 2 10303 214 -1 1 5 4}": "AUTOMOTIVE_DESIGN_CC2",
    "AUTOMOTIVE_DESIGN{ 1 0 10303 214 3 1 1 }": "AUTOMOTIVE_DESIGN",
    "AP214": "AP214",
    "AP214IS": "AP214IS",
    "AP214CD": "AP214CD",
    "AP214_IS": "AP214_IS",
    "AP-214": "AP_214",
    "STEP AP214": "STEP_AP214",
    "ISO-10303-214": "ISO_10303_214",
    "AP242": "AP242",
    "AP242DIS": "AP242DIS",
    "MANAGED_MODEL_BASED_3D_ENGINEERING": "MANAGED_MODEL_BASED_3D_ENGINEERING",
    AP242: AP242,
    AP242.lower(): AP242,
    f"{AP242}. {{1 0 10303 442 1 1 4 }}": AP242,
    f"{AP242} .{{1 0 10303 442 3 1 4}}": AP242,
    "SOME_SCHEMA { iso standard 10303 part(214) version(3) }": "SOME_SCHEMA",
    "{ 1 0 10303 442 1 1 4 }": "UNNAMED",
}
REFUSED = [
    "", " ", "IFC4", "IFC2X3", "TEAPOT", "AP209_MULTIDISCIPLINARY_ANALYSIS_AND_DESIGN_MIM_LF", "AP2140", "AP20",
    "XAUTOMOTIVE_DESIGN", "STRUCTURAL_FRAME_SCHEMA", "INTEGRATED_CNC_SCHEMA", "TEAPOT { 1 0 10303 409 1 1 4 }",
    "TEAPOT { 1 0 10303 2140 1 }", "TEAPOT 10303 214",
]  # fmt: skip


@pytest.mark.parametrize("written", ACCEPTED)
def test_the_three_protocols_are_read_by_every_name_they_go_by(stored: Stored, written: str) -> None:
    assert scan_step(stored(step_file(UNITS, schema=written))).schema == ACCEPTED[written]


@pytest.mark.parametrize("written", REFUSED)
def test_other_schemas_are_an_invalid_format(stored: Stored, written: str) -> None:
    with pytest.raises(InvalidFileFormat) as caught:
        scan_step(stored(step_file(UNITS, schema=written)))

    assert (caught.value.details["stage"], caught.value.details["reason"]) == ("scan", "schema")


@pytest.mark.parametrize(
    "listed",
    [
        "('AUTOMOTIVE_DESIGN')",
        "('SHAPE_APPEARANCE_LAYERS_GROUPS','AUTOMOTIVE_DESIGN')",
        "('AUTOMOTIVE_DESIGN','AP203')",
        "('it''s','AUTOMOTIVE_DESIGN')",
        "( /* 'AP203' */ 'AUTOMOTIVE_DESIGN' )",
        "('AUTOMOTIVE\\X\\5FDESIGN')",
    ],
)
def test_the_first_name_that_is_known_counts(listed: str) -> None:
    assert accepted_schema(f"FILE_SCHEMA({listed});".encode()) == "AUTOMOTIVE_DESIGN"


def test_a_name_as_long_as_the_file_is_answered_at_once() -> None:
    for text in ("{" * 100_000, "{ 1 " * 50_000, "AP214" * 50_000, "_." * 100_000):
        with pytest.raises(InvalidFileFormat) as caught:
            accepted_schema(f"FILE_SCHEMA(('x{text}'));".encode())
        assert len(caught.value.details["schema"]) <= 60
