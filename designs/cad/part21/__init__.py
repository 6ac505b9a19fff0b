"""STEP files (ISO 10303-21): structure, length unit and bill of materials, without a CAD kernel."""

from designs.cad.part21.bodies import Bodies, bodies_of, defined_solids
from designs.cad.part21.bom import Bom, BomLine, bill_of_materials
from designs.cad.part21.instances import StepScan
from designs.cad.part21.length import UnitReading, length_unit, read_units
from designs.cad.part21.limits import DEFAULT_LIMITS, ScanLimits
from designs.cad.part21.plain_units import has_odd_units, with_plain_units
from designs.cad.part21.structure import scan_step, scan_text

__all__ = [
    "DEFAULT_LIMITS",
    "Bodies",
    "Bom",
    "BomLine",
    "ScanLimits",
    "StepScan",
    "UnitReading",
    "bill_of_materials",
    "bodies_of",
    "defined_solids",
    "has_odd_units",
    "length_unit",
    "read_units",
    "scan_step",
    "scan_text",
    "with_plain_units",
]
