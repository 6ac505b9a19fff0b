"""What the service does with a file, without the service."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from designs.cad import (
    HEAD_BYTES,
    Bom,
    FileKind,
    GeometrySummary,
    LengthUnit,
    bill_of_materials,
    check_declared_kind,
    clean_file_name,
    extract_geometry,
    findings_of,
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


def process(
    path: Path, kind: FileKind, timeout_seconds: float, memory_limit_bytes: int = MEMORY_LIMIT_BYTES
) -> tuple[LengthUnit, Bom | None, GeometrySummary]:
    """Do what the tasks do."""
    if kind is FileKind.STEP:
        step = scan_step(path)
        unit, bom = length_unit(step), bill_of_materials(step)
    else:
        unit, bom = scan_iges(path).unit, None
    found = findings_of(path, kind)
    summary = extract_geometry(
        path,
        kind,
        timeout_seconds=timeout_seconds,
        memory_limit_bytes=memory_limit_bytes,
        expected=found.expected,
        damage=found.damage,
        needs_rewrite=found.needs_rewrite,
        warnings=found.warnings,
        units=found.units,
    )
    return unit, bom, summary


def stage_refused(call: Callable[[], object]) -> str | None:
    """Return the stage at which a call refused with an exception of ours; None when it did not."""
    try:
        call()
    except EnginelBaseException as refusal:
        return str(refusal.details["stage"])
    return None
