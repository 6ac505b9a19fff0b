"""The CAD workload: format detection, structure checks, length unit, bill of materials and geometry of a file.

It does not depend on the rest of the service. A file goes through `sniff`, `scan_step` or `scan_iges`,
`length_unit`, `bill_of_materials`, `bodies_of` and `extract_geometry`; the first of them to raise ends it.
"""

from designs.cad.expected import Expected
from designs.cad.findings import Findings, findings_of
from designs.cad.iges import IgesScan, scan_iges
from designs.cad.kernel import extract_geometry, shutdown_kernel, start_kernel
from designs.cad.kernel_status import KernelStatus, kernel_status, sandbox_status
from designs.cad.part21 import (
    Bodies,
    Bom,
    BomLine,
    ScanLimits,
    StepScan,
    bill_of_materials,
    bodies_of,
    defined_solids,
    length_unit,
    scan_step,
)
from designs.cad.sniff import HEAD_BYTES, FileKind, check_declared_kind, clean_file_name, sniff
from designs.cad.summary import MAX_PIECES_FOR_GEOMETRY, GeometrySummary
from designs.cad.unit_witness import ExpectedUnits, expected_units
from designs.cad.units import LengthUnit, convert_area, convert_length, convert_volume

__all__ = [
    "HEAD_BYTES",
    "MAX_PIECES_FOR_GEOMETRY",
    "Bodies",
    "Bom",
    "BomLine",
    "Expected",
    "ExpectedUnits",
    "FileKind",
    "Findings",
    "GeometrySummary",
    "IgesScan",
    "KernelStatus",
    "LengthUnit",
    "ScanLimits",
    "StepScan",
    "bill_of_materials",
    "bodies_of",
    "check_declared_kind",
    "clean_file_name",
    "convert_area",
    "convert_length",
    "convert_volume",
    "defined_solids",
    "expected_units",
    "extract_geometry",
    "findings_of",
    "kernel_status",
    "length_unit",
    "sandbox_status",
    "scan_iges",
    "scan_step",
    "shutdown_kernel",
    "sniff",
    "start_kernel",
]
