"""The sound sample files and their contents; ``cad/README.md`` states their sources."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["GOOD", "GoodFile", "sample_path"]

_FOLDER: Final = Path(__file__).resolve().parent / "cad"


@dataclass(frozen=True, slots=True)
class GoodFile:
    """A sound file with the values that the CAD kernel measured when the file was chosen.

    Attributes:
        kind: ``step`` or ``iges``.
        unit: Length unit of the file, lower case.
        box_mm: Size of the box around its solids, or its faces; None without geometry.
        volume_mm3: None when it holds no solid.
        bom: Leaf part -> quantity; None unless the file is an assembly.
    """

    name: str
    kind: str
    unit: str
    solids: int
    faces: int
    box_mm: tuple[float, float, float] | None
    volume_mm3: float | None
    area_mm2: float
    bom: dict[str, int] | None = None


GOOD: Final[tuple[GoodFile, ...]] = (
    GoodFile(
        "as1-oc-214.stp", "step", "millimetre", 18, 160, (200.0, 150.0, 84.0), 764522.662, 141079.298,
        {"bolt": 6, "l-bracket": 2, "nut": 8, "plate": 1, "rod": 1},
    ),
    GoodFile(
        "dm1-id-214.stp", "step", "inch", 7, 48, (50.0, 87.0, 100.0), 109059.383, 31850.906,
        {"bolt": 3, "l-bracket": 1, "nut": 3},
    ),
    GoodFile("featuretype.STEP", "step", "inch", 1, 96, (127.0, 63.5, 34.925), 190531.995, 34733.603),
    GoodFile("io1-cm-214.stp", "step", "millimetre", 1, 29, (31.0, 88.0, 88.0), 78234.424, 21137.414),
    GoodFile("material.stp", "step", "metre", 1, 6, (69.946, 25.4, 60.356), 107231.124, 15062.765),
    GoodFile(
        "nist_ctc_01_asme1_ap242.stp", "step", "millimetre", 1, 117, (800.0, 450.0, 150.0),
        14644823.306, 807080.822,
    ),
    GoodFile(
        "nist_ctc_03_asme1_ap203.stp", "step", "inch", 1, 139, (302.963, 485.445, 162.68),
        331938.272, 354978.605,
    ),
    GoodFile("red_cube_blue_cylinder.step", "step", "metre", 2, 9, (25.0, 10.0, 10.0), 1785.398, 1071.239),
    GoodFile(
        "s1-c5-214_extref.stp", "step", "inch", 0, 0, None, None, 0.0,
        {"FOOT": 2, "HEAD": 1, "MAINBODY": 1, "TAIL": 1},
    ),
    GoodFile("single_rounded_cube.iges", "iges", "millimetre", 0, 7, (50.0, 50.0, 50.0), None, 14581.527),
)  # fmt: skip


def sample_path(name: str) -> Path:
    """Return the path of the sample file with this name."""
    return _FOLDER / name
