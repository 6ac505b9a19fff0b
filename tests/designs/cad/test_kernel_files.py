"""Every sample through the whole pipeline: the right values, or the right exception."""

from __future__ import annotations

import dataclasses

import pytest

from designs.cad import Expected, FileKind, bodies_of, extract_geometry, scan_step, start_kernel
from designs.cad.expected import NOTHING_EXPECTED
from designs.cad.reasons import REASONS
from designs.exceptions import CorruptedFile, EnginelBaseException, GeometryProcessingError, TaskTimeoutError
from designs.monitoring.fingerprint import fingerprint_exception
from enginel.sample.corpus import GOOD, GoodFile, sample_path
from enginel.sample.damage import DAMAGED, ODD, DamagedFile, OddFile
from enginel.sample.damage.assemblies import doubled
from enginel.sample.damage.edits import cut, removed, sample
from tests.designs.cad.conftest import Stored
from tests.support.cad.pipeline import MEMORY_LIMIT_BYTES, accept_upload, process

HANG_SECONDS = 2.0
ENOUGH_SECONDS = 20.0
BOX_TOLERANCE_MM = 0.02
TOLERANCE = 1e-3


@pytest.mark.parametrize("good", GOOD, ids=lambda good: good.name)
def test_sound_files_have_the_values_of_the_table(good: GoodFile) -> None:
    path = sample_path(good.name)
    kind = accept_upload(good.name, path.read_bytes())

    unit, bom, summary = process(path, kind, ENOUGH_SECONDS)

    assert (kind, unit.name, summary.solids, summary.faces) == (good.kind, good.unit, good.solids, good.faces)
    assert summary.area_mm2 == pytest.approx(good.area_mm2, rel=TOLERANCE)
    assert summary.volume_mm3 == (good.volume_mm3 and pytest.approx(good.volume_mm3, rel=TOLERANCE))
    assert summary.box_mm == (good.box_mm and pytest.approx(good.box_mm, abs=BOX_TOLERANCE_MM))
    assert ({line.part: line.quantity for line in bom.lines} if bom else {}) == (good.bom or {})


_OURS = "type designs.exceptions."
GROUPS = {
    *((f"{_OURS}InvalidFileFormat", f"stage {stage}") for stage in ("sniff", "scan")),
    *((f"{_OURS}CorruptedFile", f"stage {stage}") for stage in ("sniff", "scan", "read", "props")),
    (f"{_OURS}UnitConversionError", "stage units"),
    (f"{_OURS}BOMExtractionError", "stage bom"),
    *((f"{_OURS}TaskTimeoutError", f"stage {stage}") for stage in ("read", "transfer", "props")),
    *((f"{_OURS}GeometryProcessingError", f"stage {stage}") for stage in ("scan", "props")),
    *((f"{_OURS}GeometryProcessingError", "stage kernel", f"signal {name}") for name in ("SIGSEGV", "SIGABRT")),
}
"""Class and stage, and the signal of a crash: all groups that damaged files make, whatever is wrong with them."""


def test_all_damaged_files_make_few_groups_of_one_class_each() -> None:
    assert len(DAMAGED) > 90
    assert len(GROUPS) <= 15


@pytest.mark.parametrize("case", DAMAGED, ids=lambda case: case.name)
def test_damaged_files_end_in_their_exception(case: DamagedFile, stored: Stored) -> None:
    content = case.build()
    deadline_seconds = HANG_SECONDS if case.slow else ENOUGH_SECONDS
    # The time of starting belongs to no case, so that a slow one is told from one that takes its time.
    start_kernel()

    with pytest.raises(EnginelBaseException) as caught:
        process(stored(content), accept_upload(case.name, content), deadline_seconds)

    stage = caught.value.details["stage"]
    assert type(caught.value) is case.expected
    assert stage in {"sniff", "scan", "units", "bom", "read", "transfer", "props"}
    assert ("upload" if stage == "sniff" else "task") == case.stage
    assert fingerprint_exception(caught.value).parts[1:] in GROUPS
    assert caught.value.details["reason"] in REASONS
    assert (caught.value.details.get("duration_seconds", 0) >= HANG_SECONDS) == case.slow
    if case.expected is GeometryProcessingError:
        kind = "IGES" if case.name.endswith(".igs") else "STEP"
        assert str(caught.value).startswith(f"Failed to parse {kind} file: ")


CRASHING = {
    "dangling_points.step": "transfer",
    "huge_id.step": "transfer",
    "mapped_units.step": "transfer",
    "placement_self.step": "transfer",
    "points_absent.step": "transfer",
    "shuffled.igs": "read",
}


@pytest.mark.parametrize("name", CRASHING)
def test_files_that_kill_the_kernel_tell_stage_and_signal(name: str, stored: Stored) -> None:
    case = next(case for case in DAMAGED if case.name == name)
    content = case.build()

    with pytest.raises(GeometryProcessingError) as caught:
        process(stored(content), accept_upload(name, content), ENOUGH_SECONDS)

    assert (caught.value.details["stage"], caught.value.details["signal"]) == (CRASHING[name], "SIGSEGV")


@pytest.mark.parametrize(
    "name", ["dangling_point.step", "dangling_shell.step", "shuffled_legible.igs", "foreign_parameters.igs"]
)
def test_damage_the_kernel_survives_is_told_as_the_scan_found_it(name: str, stored: Stored) -> None:
    case = next(case for case in DAMAGED if case.name == name)
    content = case.build()

    with pytest.raises(CorruptedFile) as caught:
        process(stored(content), accept_upload(name, content), ENOUGH_SECONDS)

    reason = "directory" if name.endswith(".igs") else "unresolved_reference"
    assert (caught.value.details["stage"], caught.value.details["reason"]) == ("scan", reason)
    assert len(caught.value.details["damage"]) == 1


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: odd.name)
def test_odd_files_are_accepted(odd: OddFile, stored: Stored) -> None:
    content = odd.build()

    _, _, summary = process(stored(content), accept_upload(odd.name, content), ENOUGH_SECONDS)

    assert summary.faces > 0
    assert summary.box_mm is not None


def extract(
    content: bytes, stored: Stored, kind: FileKind = FileKind.STEP, expected: Expected = NOTHING_EXPECTED
) -> None:
    extract_geometry(
        stored(content),
        kind,
        timeout_seconds=ENOUGH_SECONDS,
        memory_limit_bytes=MEMORY_LIMIT_BYTES,
        expected=expected,
    )


def test_errors_the_kernel_only_prints_are_damage(stored: Stored) -> None:
    with pytest.raises(CorruptedFile) as caught:
        extract(removed(sample("dm1-id-214.stp"), b"CARTESIAN_POINT"), stored)

    assert caught.value.details["reason"] == "kernel_errors"
    assert caught.value.details["damage_lines"] == 1


@pytest.mark.parametrize(("percent", "reason"), [(50, "iges_checks"), (90, "iges_checks")])
def test_iges_the_kernel_has_doubts_about_is_damage(stored: Stored, percent: int, reason: str) -> None:
    with pytest.raises(CorruptedFile) as caught:
        extract(cut(sample("single_rounded_cube.iges"), percent), stored, FileKind.IGES)

    assert caught.value.details["reason"] == reason


def test_a_file_the_kernel_cannot_read_is_damage(stored: Stored) -> None:
    with pytest.raises(CorruptedFile) as caught:
        extract(b"no STEP at all", stored)

    assert caught.value.details["reason"] == "unreadable"
    assert caught.value.details["return_code"] == "RetFail"


@pytest.mark.parametrize(("placed", "defined"), [(8, 3), (7, 4)])
def test_fewer_bodies_than_the_file_defines_are_a_failure(stored: Stored, placed: int, defined: int) -> None:
    bodies = bodies_of(scan_step(sample_path("dm1-id-214.stp")))
    extract(sample("dm1-id-214.stp"), stored, expected=Expected(7, 3, bodies))
    more = dataclasses.replace(bodies, placed_solids=placed, positioned_solids=placed)

    with pytest.raises(GeometryProcessingError) as caught:
        extract(sample("dm1-id-214.stp"), stored, expected=Expected(7, defined, more))

    assert caught.value.details["reason"] == "lost_solids"


def test_too_many_pieces_are_refused_without_asking_the_kernel(stored: Stored) -> None:
    with pytest.raises(TaskTimeoutError) as caught:
        extract(b"", stored, expected=Expected(50_001))

    assert caught.value.details == {"stage": "read", "reason": "too_many_pieces", "pieces": 50_001}


def test_a_placement_counts_each_time(stored: Stored) -> None:
    summary = extract_geometry(
        stored(doubled(3)),
        FileKind.STEP,
        timeout_seconds=ENOUGH_SECONDS,
        memory_limit_bytes=MEMORY_LIMIT_BYTES,
    )
    one = next(good for good in GOOD if good.name == "material.stp")

    assert (summary.solids, summary.faces) == (8, 8 * one.faces)
    assert summary.volume_mm3 == pytest.approx(8 * (one.volume_mm3 or 0), rel=TOLERANCE)
    assert summary.area_mm2 == pytest.approx(8 * one.area_mm2, rel=TOLERANCE)
