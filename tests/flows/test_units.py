"""Boxes in unusual units, uploaded over HTTP and measured by a real worker with the kernel."""

from __future__ import annotations

import pytest

from tests.support.cad.step_box import BOX_MM
from tests.support.cad.step_text import step_file
from tests.support.cad.step_units import MILLIMETRE, ODD_UNITS, PLAIN_UNITS, box_file
from tests.support.engineer import Engineer
from tests.support.stack import RunningStack

pytestmark = pytest.mark.timeout(120)

INCHES = ("supertype", "no type", "complex measure", "conversion last", "a name alone")
UNITS = {**PLAIN_UNITS, **ODD_UNITS}
REFUSED = {
    "prefix.step": (box_file(MILLIMETRE.replace("MILLI", "MILLY")), "unit_conversion_error", "prefix"),
    "no_units.step": (box_file(context="REPRESENTATION_CONTEXT('','')"), "unit_conversion_error", "no_context"),
    "no_shape.step": (step_file("#1=A();"), "geometry_processing_error", ""),
}


@pytest.fixture(scope="module")
def engineer(running: RunningStack) -> Engineer:
    return Engineer(running, "units")


def test_a_box_of_inches_has_its_size_in_every_form_of_the_inch(engineer: Engineer) -> None:
    paths = {}
    for number, name in enumerate(INCHES):
        unit, more, millimetres = UNITS[name]
        assert millimetres == 25.4
        schema = "AP242_managed_model_based_3d_engineering_mim_lf. {1 0 10303 442 1 1 4 }"
        paths[name] = engineer.process(f"inch{number}.step", box_file(unit, more=more, schema=schema))

    for name, path in paths.items():
        design = engineer.outcome(path)
        assert (design["status"], design["unit"], design["unit_millimetres"]) == ("ready", "inch", 25.4), name
        in_mm, in_inches = (engineer.get(f"{path}geometry/?unit={unit}") for unit in ("mm", "inch"))
        assert list(in_mm["box"].values()) == pytest.approx([side * 25.4 for side in BOX_MM]), name
        assert list(in_inches["box"].values()) == pytest.approx(BOX_MM), name
        assert len(in_mm["warnings"]) == (name == "a name alone"), name


def test_a_file_without_a_sound_unit_is_one_failure_with_its_code(engineer: Engineer) -> None:
    paths = {name: engineer.process(name, content) for name, (content, _, _) in REFUSED.items()}

    for name, path in paths.items():
        _, code, reason = REFUSED[name]
        design = engineer.outcome(path)
        assert (design["status"], design["error"]["code"]) == ("failed", code), name
        records = [one for one in engineer.running.errors() if one["event_id"] == design["error"]["id"]]
        assert len(records) == 1, name
        assert reason in {"", records[0]["context"]["details"]["reason"]}, name
