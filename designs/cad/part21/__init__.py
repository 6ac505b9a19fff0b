"""STEP files (ISO 10303-21): structure, length unit and bill of materials, without a CAD kernel."""

from designs.cad.part21.bodies import Bodies, bodies_of, defined_solids
from designs.cad.part21.bom import Bom, BomLine, bill_of_materials
from designs.cad.part21.instances import StepScan
from designs.cad.part21.length import length_unit
from designs.cad.part21.limits import DEFAULT_LIMITS, ScanLimits
from designs.cad.part21.structure import scan_step

__all__ = [
    "DEFAULT_LIMITS",
    "Bodies",
    "Bom",
    "BomLine",
    "ScanLimits",
    "StepScan",
    "bill_of_materials",
    "bodies_of",
    "defined_solids",
    "length_unit",
    "scan_step",
]
