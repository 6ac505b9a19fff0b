"""IGES files of unusual forms, uploaded over HTTP and measured by a real worker with the kernel."""

from __future__ import annotations

import pytest

from designs.cad import FileKind
from enginel.sample.corpus import GOOD
from enginel.sample.damage import DAMAGED, ODD
from tests.support.engineer import Engineer
from tests.support.stack import RunningStack, wait_for

pytestmark = pytest.mark.timeout(120)

AREA_MM2 = next(good.area_mm2 for good in GOOD if good.kind == FileKind.IGES)
INCH = 25.4
SURFACES = "The file holds surfaces only, so there is no volume."
EXPECTED = {
    "no_last_line.igs": (AREA_MM2, ["The last line of the file (section T) is missing.", SURFACES]),
    "short_global.igs": (
        AREA_MM2 * INCH**2,
        ["The file states no unit of length; the inch is assumed, the default of IGES.", SURFACES],
    ),
    "padded_counts.igs": (AREA_MM2, [SURFACES]),
    "to_the_left.igs": (AREA_MM2, [SURFACES]),
    "comment.igs": (AREA_MM2, [SURFACES]),
}


@pytest.fixture(scope="module")
def engineer(running: RunningStack) -> Engineer:
    return Engineer(running, "iges")


def test_unusual_forms_are_measured_and_what_is_odd_is_a_warning(engineer: Engineer) -> None:
    paths = {odd.name: engineer.process(odd.name, odd.build()) for odd in ODD if odd.name in EXPECTED}
    assert paths.keys() == EXPECTED.keys()

    for name, path in paths.items():
        area, warnings = EXPECTED[name]
        assert engineer.outcome(path)["status"] == "ready", name
        geometry = engineer.running.get(f"{path}geometry/?unit=mm", engineer.token)[1]
        assert geometry["area"] == pytest.approx(area, rel=1e-3), name
        assert geometry["warnings"] == warnings, name


def test_a_cut_file_is_one_failure(engineer: Engineer) -> None:
    case = next(case for case in DAMAGED if case.name == "no_last_lines.igs")
    path = engineer.process(case.name, case.build())

    design = engineer.outcome(path)

    assert (design["status"], design["error"]["code"]) == ("failed", "corrupted_file")
    [record] = wait_for(lambda: [one for one in engineer.running.errors() if one["event_id"] == design["error"]["id"]])
    assert record["context"]["details"]["reason"] == "truncated"
