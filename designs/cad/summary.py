"""Evaluation of the kernel's answer: a summary of the geometry, or an exception.

A success status of the kernel proves nothing: it returns one even if it lost half the bodies of a file. Its results
are therefore compared with the definitions in the file.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from designs.cad.expected import NOTHING_EXPECTED, Expected
from designs.cad.reasons import REASONS, Damage
from designs.cad.sniff import FileKind
from designs.exceptions import (
    CorruptedFile,
    GeometryProcessingError,
    InvalidFileFormat,
    TaskTimeoutError,
)

__all__ = ["MAX_PIECES_FOR_GEOMETRY", "GeometrySummary", "damaged", "summarize", "too_many_pieces"]

MAX_PIECES_FOR_GEOMETRY: Final = 50_000
"""Limit on pieces, above which the kernel is not run: 65 536 boxes take it 2 s and 250 MB, real parts far more."""

_MAX_BOX_MM: Final = 1e9
_LARGE_BOX_MM: Final = 1e5
_MAX_WARNINGS: Final = 20
_WARNING_LENGTH: Final = 1_000


@dataclass(frozen=True, slots=True)
class GeometrySummary:
    """Counts and measures of a file's geometry by the kernel.

    Attributes:
        solids: Solid bodies, every placement counted.
        faces: Faces, every placement counted.
        box_mm: Size of the box around the solids, or the faces if there is no solid; None without faces.
        volume_mm3: Volume of the solids and of closed bodies of triangles; None without any.
        area_mm2: Surface of the solids, or the faces.
        kernel_version: Package and version of the kernel.
        duration_seconds: Wall time of the child.
        peak_memory_bytes: Largest resident size of the child, memory shared with its host included.
        warnings: Oddities that do not fail the file.
    """

    solids: int
    faces: int
    box_mm: tuple[float, float, float] | None
    volume_mm3: float | None
    area_mm2: float
    kernel_version: str
    duration_seconds: float
    peak_memory_bytes: int
    warnings: tuple[str, ...]


def no_shape(kind: FileKind) -> GeometryProcessingError:
    """Return the exception for a file that defines no shape."""
    return _refused(kind, "it defines no shape", "no_shape", {"stage": "scan"})


def too_many_pieces(pieces: int) -> TaskTimeoutError:
    """Return the exception for an assembly that cannot be measured within any deadline."""
    return TaskTimeoutError(
        f"This assembly has more than {MAX_PIECES_FOR_GEOMETRY} pieces, too many to measure in time.",
        details={"stage": "read", "reason": "too_many_pieces", "pieces": pieces},
        is_fixed=True,
    )


def damaged(damage: Sequence[str], facts: Mapping[str, Any]) -> CorruptedFile:
    """Return the exception for damage found by the scan, with reason and place of the first damage."""
    first = damage[0] if damage and isinstance(damage[0], Damage) else Damage("", "damage")
    return CorruptedFile(
        f"This file is damaged: {'; '.join(damage)}.",
        details={
            **facts,
            "stage": "scan",
            "reason": first.reason,
            **first.place,
            "damage": [str(text) for text in damage],
        },
        is_fixed=True,
    )


def summarize(
    answer: dict[str, Any],
    kind: FileKind,
    kernel_version: str,
    expected: Expected = NOTHING_EXPECTED,
    *,
    damage: Sequence[str] = (),
    warnings: Sequence[str] = (),
) -> GeometrySummary:
    """Turn the answer of the kernel host into a summary; ``warnings`` are those of the scan.

    Raises:
        TaskTimeoutError: When the child was stopped at its deadline.
        GeometryProcessingError: When it crashed, ran out of memory, lost geometry or made no valid geometry.
        CorruptedFile: When the kernel found the file damaged, or the scan did (``damage``).
        InvalidFileFormat: When the path was no regular file.
        OSError: When the file could not be opened.
    """
    facts = _facts(answer)
    geometry = answer.get("geometry") or {}
    _check_opened(geometry, facts)
    _check_survived(answer, facts, kind)
    if damage:
        raise damaged(damage, facts)
    _check_understood(geometry, facts, kind)
    if kind is FileKind.STEP and answer["damage_lines"]:
        raise CorruptedFile("The CAD kernel finds this file damaged.", details={**facts, "reason": "kernel_errors"})
    _check_counts(geometry, facts, kind, expected)
    box = _checked_box(geometry, facts, kind)
    return GeometrySummary(
        solids=geometry["solids"],
        faces=geometry["faces"],
        box_mm=box,
        volume_mm3=geometry["volume_mm3"],
        area_mm2=geometry["area_mm2"],
        kernel_version=kernel_version,
        duration_seconds=answer["duration_seconds"],
        peak_memory_bytes=answer["peak_memory_bytes"],
        warnings=_bounded([*warnings, *_warnings(geometry, box, expected)]),
    )


def _facts(answer: dict[str, Any]) -> dict[str, Any]:
    return {
        "stage": answer["stage"],
        "damage_lines": answer["damage_lines"],
        "duration_seconds": round(answer["duration_seconds"], 3),
        "peak_memory_bytes": answer["peak_memory_bytes"],
    }


def _check_opened(geometry: dict[str, Any], facts: dict[str, Any]) -> None:
    """Raise the error of a file that could not be opened; its content is not to blame."""
    failure = geometry.get("failure")
    if failure == "not_regular":
        raise InvalidFileFormat("Only regular files are read.", details={**facts, "reason": failure})
    if failure == "os_error":
        raise OSError(geometry["errno"], os.strerror(geometry["errno"]))


def _check_survived(answer: dict[str, Any], facts: dict[str, Any], kind: FileKind) -> None:
    if answer["outcome"] == "timeout":
        raise TaskTimeoutError(details={**facts, "reason": "deadline"})
    if answer["outcome"] == "signal":
        raise _unparsed(kind, "the CAD kernel crashed on it", {**facts, "reason": "crash", "signal": answer["signal"]})


def _check_understood(geometry: dict[str, Any], facts: dict[str, Any], kind: FileKind) -> None:
    """Raise the failure that the kernel reported, if any."""
    failure = geometry.get("failure")
    codes = {name: value for name, value in geometry.items() if name != "failure"}
    # A file may have taken over the kernel's process: accept only known words from it.
    details = {**codes, **facts, "reason": _known(failure)}
    if failure == "unreadable":
        raise CorruptedFile("The CAD kernel cannot read this file.", details=details)
    if failure == "iges_checks":
        raise CorruptedFile("The CAD kernel finds entities of this file damaged.", details=details)
    if failure == "memory_limit":
        raise _unparsed(kind, "it needs more memory than allowed", details)
    if failure == "sandbox":
        raise _unparsed(kind, "Linux refuses the sandbox of the CAD kernel's process", details)
    if failure == "kernel_exception":
        raise _unparsed(kind, "the CAD kernel failed on it", details)
    if failure:
        raise _unparsed(kind, "the CAD kernel ended without a result", details)


def _known(failure: object) -> str:
    return failure if isinstance(failure, str) and failure in REASONS else "no_result"


def _check_counts(geometry: dict[str, Any], facts: dict[str, Any], kind: FileKind, expected: Expected) -> None:
    solids, distinct = geometry["solids"], geometry["distinct_solids"]
    facts = {
        **facts,
        "solids": solids,
        "faces": geometry["faces"],
        "pieces": expected.pieces,
        "bodies": expected.solids,
        "placed": expected.placed_solids,
    }
    if not geometry["faces"]:
        _check_may_be_empty(facts, kind, expected)
    if not geometry["valid"]:
        raise _refused(kind, "its geometry is invalid", "invalid_geometry", facts)
    if kind is FileKind.STEP and (distinct < expected.solids or solids < expected.placed_solids):
        if distinct >= expected.solids and solids >= expected.positioned_solids:
            raise _refused(kind, "it does not say where it uses some of its parts", "unplaced_parts", facts)
        raise _refused(kind, "the CAD kernel lost bodies of it", "lost_solids", facts)


def _check_may_be_empty(facts: dict[str, Any], kind: FileKind, expected: Expected) -> None:
    """Refuse an empty result, except for an assembly whose parts lie in other files: it has pieces, no geometry."""
    if expected.has_meshes_only:
        raise _refused(
            kind, "it holds triangles only, in a form the CAD kernel does not read", "tessellated_only", facts
        )
    if expected.solids or not expected.pieces:
        raise _refused(kind, "it holds no geometry the CAD kernel can make", "no_geometry", facts)


def _checked_box(geometry: dict[str, Any], facts: dict[str, Any], kind: FileKind) -> tuple[float, float, float] | None:
    sizes = geometry["box_mm"]
    if sizes is None:
        if geometry["faces"]:
            raise _refused(kind, "its geometry has no extent", "no_extent", facts)
        return None
    volume, area = geometry["volume_mm3"], geometry["area_mm2"]
    if any(size is None or not 0 <= size <= _MAX_BOX_MM for size in sizes) or area is None:
        raise _refused(kind, "its geometry is larger than anything built", "box_range", facts)
    if geometry["solids"] > geometry.get("open_meshes", 0) and (volume is None or volume <= 0):
        raise _refused(kind, "its solids enclose no volume", "no_volume", facts)
    x, y, z = sizes
    return (x, y, z)


def _bounded(warnings: Sequence[str]) -> tuple[str, ...]:
    """Return each warning once; names in them come from the file, so number and length have a limit."""
    return tuple(text[:_WARNING_LENGTH] for text in dict.fromkeys(warnings))[:_MAX_WARNINGS]


def _warnings(geometry: dict[str, Any], box: tuple[float, float, float] | None, expected: Expected) -> list[str]:
    warnings = []
    if not geometry["faces"]:
        warnings.append("The file holds no geometry that can be measured.")
    elif not geometry["solids"] and geometry["volume_mm3"] is None:
        warnings.append("The file holds surfaces only, so there is no volume.")
    if meshes := geometry.get("mesh_bodies"):
        warnings.append(f"Measured from triangles, which are not exact: {meshes} of the bodies.")
    if geometry["solids"] < expected.all_solids:
        warnings.append("Bodies of triangles that the CAD kernel does not read are not measured.")
    if geometry.get("open_meshes"):
        warnings.append("Bodies of triangles that do not close have no volume.")
    if box and max(box) > _LARGE_BOX_MM:
        warnings.append("The model is larger than 100 m; its unit may be wrong.")
    return warnings


def _unparsed(kind: FileKind, why: str, details: dict[str, Any]) -> GeometryProcessingError:
    # Documented contract: clients and tests look for "Failed to parse", independent of the cause.
    return GeometryProcessingError(f"Failed to parse {kind.upper()} file: {why}.", details=details, is_fixed=True)


def _refused(kind: FileKind, why: str, reason: str, facts: dict[str, Any]) -> GeometryProcessingError:
    return _unparsed(kind, why, {**facts, "reason": reason})
