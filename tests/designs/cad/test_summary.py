"""What the kernel's answer means."""

from __future__ import annotations

import errno
from typing import Any

import pytest

from designs.cad import Bodies, Expected, FileKind, GeometrySummary
from designs.cad.summary import summarize
from designs.exceptions import CorruptedFile, GeometryProcessingError, InvalidFileFormat, TaskTimeoutError

GEOMETRY = {
    "solids": 2,
    "distinct_solids": 1,
    "faces": 12,
    "valid": True,
    "box_mm": [1.0, 2.0, 3.0],
    "area_mm2": 22.0,
    "volume_mm3": 6.0,
}


def read(
    outcome: str = "done",
    geometry: dict[str, Any] | None = None,
    kind: FileKind = FileKind.STEP,
    *,
    pieces: int = 0,
    bodies: int = 0,
    placed: int = 0,
    positioned: int = 0,
    meshes: bool = False,
    damage: tuple[str, ...] = (),
    warnings: tuple[str, ...] = (),
    **answer: Any,
) -> GeometrySummary:
    complete = {
        "outcome": outcome,
        "stage": "props",
        "geometry": geometry,
        "damage_lines": 0,
        "duration_seconds": 0.5,
        "peak_memory_bytes": 1024,
        **answer,
    }
    return summarize(
        complete,
        kind,
        "kernel 1.0",
        Expected(pieces, bodies, Bodies(placed, positioned, 0, 0, True, meshes, False, ())),
        damage=damage,
        warnings=warnings,
    )


def test_a_good_answer_is_passed_on() -> None:
    summary = read(geometry=GEOMETRY, pieces=2, bodies=1)

    assert summary == GeometrySummary(2, 12, (1.0, 2.0, 3.0), 6.0, 22.0, "kernel 1.0", 0.5, 1024, ())


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"solids": 0, "distinct_solids": 0, "faces": 0, "box_mm": None}, "no_geometry"),
        ({"valid": False}, "invalid_geometry"),
        ({"box_mm": None}, "no_extent"),
        ({"box_mm": [1.0, 2e9, 3.0]}, "box_range"),
        ({"box_mm": [1.0, None, 3.0]}, "box_range"),
        ({"box_mm": [1.0, -2.0, 3.0]}, "box_range"),
        ({"area_mm2": None}, "box_range"),
        ({"volume_mm3": None}, "no_volume"),
        ({"volume_mm3": -6.0}, "no_volume"),
        ({"volume_mm3": 0.0}, "no_volume"),
    ],
)
def test_impossible_geometry_is_a_failure(changed: dict[str, Any], reason: str) -> None:
    with pytest.raises(GeometryProcessingError) as caught:
        read(geometry={**GEOMETRY, **changed})

    assert (caught.value.details["stage"], caught.value.details["reason"]) == ("props", reason)


@pytest.mark.parametrize(("placed", "bodies"), [(3, 0), (0, 2), (2, 2)])
def test_fewer_bodies_than_expected_are_a_failure(placed: int, bodies: int) -> None:
    with pytest.raises(GeometryProcessingError) as caught:
        read(geometry=GEOMETRY, placed=placed, positioned=placed, bodies=bodies)

    assert caught.value.details["reason"] == "lost_solids"


def test_missing_solids_that_have_no_position_are_told_from_lost_ones() -> None:
    for positioned, reason in ((2, "unplaced_parts"), (3, "lost_solids")):
        with pytest.raises(GeometryProcessingError) as caught:
            read(geometry=GEOMETRY, placed=3, positioned=positioned)
        assert caught.value.details["reason"] == reason


NOTHING = {**GEOMETRY, "solids": 0, "distinct_solids": 0, "faces": 0, "box_mm": None, "volume_mm3": None}


@pytest.mark.parametrize(
    ("pieces", "bodies", "meshes", "reason"),
    [(0, 0, False, "no_geometry"), (2, 1, True, "no_geometry"), (2, 0, True, "tessellated_only")],
)
def test_nothing_to_measure_has_its_reason(pieces: int, bodies: int, meshes: bool, reason: str) -> None:
    with pytest.raises(GeometryProcessingError) as caught:
        read(geometry=NOTHING, pieces=pieces, bodies=bodies, meshes=meshes)

    assert caught.value.details["reason"] == reason


def test_triangles_are_a_warning_and_open_ones_need_no_volume() -> None:
    meshes = {**GEOMETRY, "mesh_bodies": 2}

    assert len(read(geometry=meshes).warnings) == 1
    assert len(read(geometry={**meshes, "open_meshes": 2, "volume_mm3": None}).warnings) == 2
    with pytest.raises(GeometryProcessingError):
        read(geometry={**meshes, "open_meshes": 1, "volume_mm3": None})


def test_an_assembly_whose_parts_lie_elsewhere_is_accepted_with_a_warning() -> None:
    nothing = {**GEOMETRY, "solids": 0, "distinct_solids": 0, "faces": 0, "box_mm": None, "volume_mm3": None}

    summary = read(geometry=nothing, pieces=5, bodies=0)

    assert (summary.box_mm, summary.volume_mm3) == (None, None)
    assert len(summary.warnings) == 1


def test_loose_faces_are_accepted_with_a_warning_and_have_no_volume() -> None:
    faces = {**GEOMETRY, "solids": 0, "distinct_solids": 0, "volume_mm3": None}

    assert len(read(geometry=faces, kind=FileKind.IGES).warnings) == 1


def test_a_model_of_more_than_100_m_is_accepted_with_a_warning() -> None:
    assert read(geometry={**GEOMETRY, "box_mm": [1.0, 1.0, 1e5]}).warnings == ()
    assert len(read(geometry={**GEOMETRY, "box_mm": [1.0, 1.0, 1.1e5]}).warnings) == 1


def test_the_warnings_of_the_scan_come_first_and_each_once() -> None:
    summary = read(geometry={**GEOMETRY, "box_mm": [1.0, 1.0, 1.1e5]}, warnings=("odd", "even", "odd"))

    assert summary.warnings[:2] == ("odd", "even")
    assert len(summary.warnings) == 3


def test_warnings_have_a_limit_of_number_and_length() -> None:
    summary = read(geometry=GEOMETRY, warnings=tuple(f"{n} {'x' * 5000}" for n in range(500)))

    assert len(summary.warnings) == 20
    assert max(map(len, summary.warnings)) == 1000


def test_printed_errors_are_damage_for_step_only() -> None:
    with pytest.raises(CorruptedFile):
        read(geometry=GEOMETRY, damage_lines=1)

    assert read(geometry=GEOMETRY, damage_lines=1, kind=FileKind.IGES).solids == 2


def test_a_deadline_is_a_timeout() -> None:
    with pytest.raises(TaskTimeoutError) as caught:
        read("timeout")

    assert caught.value.details == {
        "stage": "props", "reason": "deadline", "damage_lines": 0, "duration_seconds": 0.5, "peak_memory_bytes": 1024,
    }  # fmt: skip


def test_a_signal_is_named() -> None:
    with pytest.raises(GeometryProcessingError) as caught:
        read("signal", signal="SIGFPE")

    assert (caught.value.details["signal"], caught.value.details["reason"]) == ("SIGFPE", "crash")


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        ("unreadable", CorruptedFile),
        ("iges_checks", CorruptedFile),
        ("memory_limit", GeometryProcessingError),
        ("kernel_exception", GeometryProcessingError),
        ("no_result", GeometryProcessingError),
    ],
)
def test_failures_have_their_class(failure: str, expected: type[Exception]) -> None:
    with pytest.raises(expected) as caught:
        read("failed", {"failure": failure, "fact": 7})

    details = caught.value.details  # type: ignore[attr-defined]
    assert (details["reason"], details["fact"]) == (failure, 7)


@pytest.mark.parametrize("failure", ["part 7", ["crash"], {"a": 1}, 7])
def test_words_of_a_process_that_a_file_has_taken_over_are_no_reason(failure: object) -> None:
    with pytest.raises(GeometryProcessingError) as caught:
        read("failed", {"failure": failure, "stage": "part 7", "signal": "part 7"})

    assert (caught.value.details["stage"], caught.value.details["reason"]) == ("props", "no_result")
    assert caught.value.error_fingerprint() == ["type designs.exceptions.GeometryProcessingError", "stage props"]


DAMAGE = ("2 references lead to what the file does not define",)


@pytest.mark.parametrize(
    "failure", [None, "unreadable", "iges_checks", "memory_limit", "kernel_exception", "no_result"]
)
def test_a_damaged_file_the_kernel_survives_is_damaged_whatever_it_says(failure: str | None) -> None:
    with pytest.raises(CorruptedFile) as caught:
        read("failed", {"failure": failure}, damage=DAMAGE) if failure else read(geometry=GEOMETRY, damage=DAMAGE)

    details = caught.value.details
    assert (details["stage"], details["reason"], details["damage"]) == ("scan", "damage", list(DAMAGE))
    assert str(caught.value.detail) == f"This file is damaged: {DAMAGE[0]}."


def test_a_damaged_file_that_kills_the_kernel_is_a_crash_of_the_kernel() -> None:
    with pytest.raises(GeometryProcessingError) as caught:
        read("signal", signal="SIGSEGV", damage=DAMAGE)

    assert (caught.value.details["stage"], caught.value.details["signal"]) == ("props", "SIGSEGV")


def test_a_damaged_file_the_kernel_does_not_answer_to_is_a_timeout() -> None:
    with pytest.raises(TaskTimeoutError):
        read("timeout", damage=DAMAGE)


def test_a_damaged_file_that_cannot_be_opened_is_not_called_damaged() -> None:
    with pytest.raises(InvalidFileFormat):
        read("failed", {"failure": "not_regular"}, damage=DAMAGE)
    with pytest.raises(FileNotFoundError):
        read("failed", {"failure": "os_error", "errno": errno.ENOENT}, damage=DAMAGE)


def test_a_file_that_is_gone_is_an_error_of_the_system() -> None:
    with pytest.raises(FileNotFoundError):
        read("failed", {"failure": "os_error", "errno": errno.ENOENT})
