"""What the service does with a file, without the service."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from designs.cad import (
    HEAD_BYTES,
    Bom,
    Expected,
    FileKind,
    GeometrySummary,
    IgesScan,
    LengthUnit,
    StepScan,
    bill_of_materials,
    bodies_of,
    check_declared_kind,
    clean_file_name,
    defined_solids,
    extract_geometry,
    length_unit,
    scan_iges,
    scan_step,
    sniff,
)
from designs.exceptions import EnginelBaseException

MEMORY_LIMIT_BYTES = 4 * 1024**3


def accept_upload(name: str, content: bytes) -> FileKind:
    """Do what happens while the client waits."""
    kind = sniff(content[:HEAD_BYTES])
    check_declared_kind(clean_file_name(name), kind)
    return kind


def process(path: Path, kind: FileKind, timeout_seconds: float) -> tuple[LengthUnit, Bom | None, GeometrySummary]:
    """Do what the tasks do."""
    bom, expected = None, Expected()
    scan: StepScan | IgesScan
    if kind is FileKind.STEP:
        scan = step = scan_step(path)
        unit, bom, bodies = length_unit(step), bill_of_materials(step), bodies_of(step)
        expected = Expected(bom.pieces, defined_solids(step), bodies)
        warnings = (*step.warnings, *bom.warnings, *bodies.warnings)
    else:
        scan = scan_iges(path)
        unit, warnings = scan.unit, scan.warnings
    summary = extract_geometry(
        path,
        kind,
        timeout_seconds=timeout_seconds,
        memory_limit_bytes=MEMORY_LIMIT_BYTES,
        expected=expected,
        damage=scan.damage,
        needs_rewrite=scan.needs_rewrite,
        warnings=warnings,
    )
    return unit, bom, summary


def stage_refused(call: Callable[[], object]) -> str | None:
    """Return the stage at which a call refused with an exception of ours; None when it did not."""
    try:
        call()
    except EnginelBaseException as refusal:
        return str(refusal.details["stage"])
    return None
