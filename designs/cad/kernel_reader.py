"""Reading a file with Open CASCADE. Runs only in the child of the kernel host: it may crash, hang or lie.

The plain STEP and IGES readers are used, not the ones for documents (XCAF): the values are the same, and
these neither open other files the document names nor have labels without names, whose lookup crashes.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

from OCP.Bnd import Bnd_Box
from OCP.BRep import BRep_Builder
from OCP.BRepBndLib import BRepBndLib
from OCP.BRepCheck import BRepCheck_Analyzer
from OCP.BRepGProp import BRepGProp
from OCP.collections import IndexedMap_TopoDS_Shape_TopTools_ShapeMapHasher as ShapeMap
from OCP.GProp import GProp_GProps
from OCP.IFSelect import IFSelect_ReturnStatus
from OCP.IGESControl import IGESControl_Reader
from OCP.STEPControl import STEPControl_Reader
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopExp import TopExp
from OCP.TopLoc import TopLoc_Location
from OCP.TopoDS import TopoDS_Compound

__all__ = ["read_geometry"]


def read_geometry(descriptor: int, kind: str, enter: Callable[[str], None]) -> dict[str, Any]:
    """Return counts and measures of the shapes in an open file, or ``{"failure": reason}``.

    Lengths are millimetres: the kernel converts from the unit of the file. ``enter`` is told each stage
    before it begins, so that somebody knows where this process died.
    """
    enter("read")
    reader = IGESControl_Reader() if kind == "iges" else STEPControl_Reader()
    status = reader.ReadFile(f"/proc/self/fd/{descriptor}")
    if status != IFSelect_ReturnStatus.IFSelect_RetDone:
        return {"failure": "unreadable", "return_code": status.name.removeprefix("IFSelect_")}
    failed_checks = _failed_checks(reader) if kind == "iges" else 0
    enter("transfer")
    roots = reader.TransferRoots()
    shape = reader.OneShape()
    if kind == "iges" and (failed_checks or not roots):
        return {"failure": "iges_checks", "failed_checks": failed_checks, "transferred": roots}
    enter("props")
    return _measured(shape)


def _failed_checks(reader: Any) -> int:
    """Count entities with a failed check; number 0 is the header, where good files fail by a wrong date."""
    checks = reader.WS().ModelCheckList()
    count = 0
    checks.Start()
    while checks.More():
        count += bool(checks.Number() and checks.Value().HasFailed())
        checks.Next()
    return count


def _measured(shape: Any) -> dict[str, Any]:
    if shape.IsNull():
        return _counts(0, 0, 0)
    solids, faces = (_mapped(shape, kind) for kind in (TopAbs_ShapeEnum.TopAbs_SOLID, TopAbs_ShapeEnum.TopAbs_FACE))
    # Loose curves and faces beside the solids would blow up the box and spoil the volume.
    bodies = _by_body(solids if solids.Extent() else faces)
    counts = _counts(solids.Extent(), len(bodies) if solids.Extent() else 0, faces.Extent())
    counts["valid"] = all(BRepCheck_Analyzer(body).IsValid() for body, _ in bodies)
    if bodies and counts["valid"]:
        counts["area_mm2"] = _json_float(_sum(BRepGProp.SurfaceProperties_s, bodies))
        if solids.Extent():
            counts["volume_mm3"] = _json_float(_sum(BRepGProp.VolumeProperties_s, bodies))
        counts["box_mm"] = _box(_compound(solids if solids.Extent() else faces))
    return counts


def _counts(solids: int, distinct_solids: int, faces: int) -> dict[str, Any]:
    return {
        "solids": solids,
        "distinct_solids": distinct_solids,
        "faces": faces,
        "valid": True,
        "box_mm": None,
        "area_mm2": 0.0,
        "volume_mm3": None,
    }


def _mapped(shape: Any, kind: TopAbs_ShapeEnum) -> Any:
    found = ShapeMap()
    TopExp.MapShapes_s(shape, kind, found)
    return found


def _by_body(shapes: Any) -> list[tuple[Any, int]]:
    """Return each body with how often it is placed: checked and measured once, not once per placement."""
    found, origin, times = ShapeMap(), TopLoc_Location(), Counter[int]()
    for index in range(1, shapes.Extent() + 1):
        times[found.Add(shapes.FindKey(index).Located(origin))] += 1
    return [(found.FindKey(index), count) for index, count in times.items()]


def _compound(shapes: Any) -> Any:
    compound, builder = TopoDS_Compound(), BRep_Builder()
    builder.MakeCompound(compound)
    for index in range(1, shapes.Extent() + 1):
        builder.Add(compound, shapes.FindKey(index))
    return compound


def _box(body: Any) -> list[float | None] | None:
    box = Bnd_Box()
    BRepBndLib.AddOptimal_s(body, box, False, False)
    if box.IsVoid():
        return None
    low, high = box.CornerMin(), box.CornerMax()
    return [_json_float(getattr(high, axis)() - getattr(low, axis)()) for axis in "XYZ"]


def _sum(properties: Callable[[Any, Any], Any], bodies: list[tuple[Any, int]]) -> float:
    total = 0.0
    for body, count in bodies:
        measured = GProp_GProps()
        properties(body, measured)
        total += float(measured.Mass()) * count
    return total


def _json_float(value: float) -> float | None:
    """Return the value, or None for what JSON cannot hold."""
    return value if math.isfinite(value) else None
