"""What the scan of a file hands on to the kernel; the scan itself holds the whole file and is let go."""

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
    """What the kernel is to be asked and held against, see `designs.cad.kernel.extract_geometry`.

    Attributes:
        expected: What the file holds by its text.
        damage: What is wrong with it and did not end the scan.
        needs_rewrite: It holds what the standard allows and the kernel does not read.
        warnings: What is odd although acceptable.
        units: Its units by its text.
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
