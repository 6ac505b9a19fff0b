"""Scan results that the kernel run needs. The scan itself holds the whole file, so it is freed first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from designs.cad.expected import NOTHING_EXPECTED, Expected
from designs.cad.iges import scan_iges
from designs.cad.part21 import bill_of_materials, bodies_of, defined_solids, scan_step
from designs.cad.sniff import FileKind
from designs.cad.unit_witness import NO_UNITS, ExpectedUnits, expected_units

__all__ = ["Findings", "findings_of"]


@dataclass(frozen=True, slots=True)
class Findings:
    """Request options and expected results for the kernel, see `designs.cad.kernel.extract_geometry`.

    Attributes:
        expected: The bodies and pieces that the text of the file defines.
        damage: Damage that did not end the scan.
        needs_rewrite: The file uses syntax that the standard allows and the kernel does not read.
        warnings: Oddities that do not fail the file.
        units: The units that its text states.
    """

    expected: Expected = NOTHING_EXPECTED
    damage: Sequence[str] = ()
    needs_rewrite: bool = False
    warnings: Sequence[str] = ()
    units: ExpectedUnits = NO_UNITS


def findings_of(path: Path, kind: FileKind) -> Findings:
    """Scan a file for the kernel.

    Raises:
        EnginelBaseException: As `scan_step`, `scan_iges`, `bill_of_materials` and `expected_units` do.
        OSError: When the file is missing or cannot be read.
    """
    if kind is not FileKind.STEP:
        iges = scan_iges(path)
        return Findings(damage=iges.damage, needs_rewrite=iges.needs_rewrite, warnings=iges.warnings)
    scan = scan_step(path)
    bom, bodies = bill_of_materials(scan), bodies_of(scan)
    return Findings(
        Expected(bom.pieces, defined_solids(scan), bodies),
        scan.damage,
        scan.needs_rewrite,
        (*scan.warnings, *bom.warnings, *bodies.warnings),
        expected_units(scan),
    )
