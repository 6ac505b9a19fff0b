"""Reading a file with Open CASCADE. Runs only in the child of the kernel host: it may crash, hang or return wrong data.

It uses the plain STEP and IGES readers, not those for documents (XCAF). The values are the same, but the plain readers
do not open other files that the document refers to, and have no unnamed labels, whose lookup crashes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from OCP.Bnd import Bnd_Box
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

from designs.cad.kernel_meshes import compound, free_meshes, is_mesh, mesh_area, mesh_volume
from designs.cad.kernel_units import length_factors

__all__ = ["read_geometry"]


@dataclass(eq=False)
class _Body:
    """A body as modelled, and the indices of its placements in a map. One object per placement would be too many."""

    shape: Any
    placed: Any
    places: list[int]

    def located(self) -> Iterator[Any]:
        """Yield the body at each of its placements."""
        return map(self.placed.FindKey, self.places)

    @cached_property
    def mesh_volume(self) -> float | None:
        """Volume that its triangles enclose; None when they do not close."""
        return mesh_volume(self.shape)


def read_geometry(
    descriptor: int,
    kind: str,
    enter: Callable[[str], None],
    *,
    meshes: str = "measured",
    contexts: Sequence[int] = (),
) -> dict[str, Any]:
    """Return counts and measures of the shapes in an open file, or ``{"failure": reason}``.

    Lengths are millimetres: the kernel converts from the unit of the file. ``enter`` is called with each
    stage before it begins, so that the host knows in which stage this process died. ``meshes`` states how bodies of
    triangles are treated: ``measured``, ``ignored`` beside the exact bodies they depict, or ``none`` without any.
    The result holds the lengths of the units in ``contexts``, identifiers of a STEP file, as ``length_factors``.
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
    factors = length_factors(reader, contexts)
    enter("props")
    return {**_measured(shape, meshes), "length_factors": factors}


def _failed_checks(reader: Any) -> int:
    """Count entities with a failed check; skip number 0, the header, which fails in sound files with a wrong date."""
    checks = reader.WS().ModelCheckList()
    count = 0
    checks.Start()
    while checks.More():
        count += bool(checks.Number() and checks.Value().HasFailed())
        checks.Next()
    return count


def _measured(shape: Any, meshes: str) -> dict[str, Any]:
    """Measure the solids, or the faces when there is no solid.

    Loose curves and faces beside the solids would enlarge the box and falsify the volume.
    """
    if shape.IsNull():
        return _counts(0, 0, 0)
    solids, faces = (_mapped(shape, kind) for kind in (TopAbs_ShapeEnum.TopAbs_SOLID, TopAbs_ShapeEnum.TopAbs_FACE))
    has_solids = bool(solids.Extent())
    exact, drawn, free = _divided(shape, _by_body(solids if has_solids else faces), meshes)
    if not has_solids:
        # The faces of triangles belong to the non-solid bodies.
        drawn = []
    whole = exact + drawn if has_solids else []
    counts = _counts(sum(len(body.places) for body in whole), len(whole), faces.Extent())
    triangles = drawn + [body for body in free if not has_solids or body.mesh_volume is not None]
    counts["mesh_bodies"] = sum(len(body.places) for body in triangles)
    counts["valid"] = all(BRepCheck_Analyzer(body.shape).IsValid() for body in exact)
    if counts["valid"] and (exact or triangles):
        counts |= _measures(exact, triangles, has_solids=has_solids)
    return counts


def _divided(shape: Any, bodies: list[_Body], meshes: str) -> tuple[list[_Body], list[_Body], list[_Body]]:
    """Return the bodies that have surfaces, the solids of triangles, and the non-solid bodies of triangles."""
    if meshes == "none":
        return bodies, [], []
    drawn = [body for body in bodies if is_mesh(body.shape)]
    exact = [body for body in bodies if body not in drawn] if drawn else bodies
    if meshes == "ignored" and exact:
        return _without_copies(exact), [], []
    found = ShapeMap()
    # Faces of triangles beside an exact solid may depict that solid.
    has_solids = any(body.shape.ShapeType() == TopAbs_ShapeEnum.TopAbs_SOLID for body in exact)
    free = free_meshes(shape, with_faces=not has_solids)
    return exact, drawn, [_Body(mesh, found, [found.Extent()]) for mesh in free if found.Add(mesh) == found.Extent()]


def _without_copies(bodies: list[_Body]) -> list[_Body]:
    """Remove bodies whose faces belong to others; the kernel makes these from triangles that refer to exact faces."""
    found, kept = ShapeMap(), []
    for body in bodies:
        before = found.Extent()
        TopExp.MapShapes_s(body.shape, TopAbs_ShapeEnum.TopAbs_FACE, found)
        if found.Extent() > before:
            kept.append(body)
    return kept


def _measures(exact: list[_Body], triangles: list[_Body], *, has_solids: bool) -> dict[str, Any]:
    area = _sum(BRepGProp.SurfaceProperties_s, exact)
    area += sum(mesh_area(body.shape) * len(body.places) for body in triangles)
    volumes = [(body.mesh_volume, len(body.places)) for body in triangles]
    enclosed = [volume * times for volume, times in volumes if volume is not None]
    if exact and has_solids:
        enclosed.append(_sum(BRepGProp.VolumeProperties_s, exact))
    return {
        "area_mm2": _json_float(area),
        "volume_mm3": _json_float(sum(enclosed)) if enclosed else None,
        "box_mm": _box(exact, triangles),
        "open_meshes": sum(times for volume, times in volumes if volume is None),
    }


def _counts(solids: int, distinct_solids: int, faces: int) -> dict[str, Any]:
    return {
        "solids": solids,
        "distinct_solids": distinct_solids,
        "faces": faces,
        "valid": True,
        "box_mm": None,
        "area_mm2": 0.0,
        "volume_mm3": None,
        "mesh_bodies": 0,
        "open_meshes": 0,
    }


def _mapped(shape: Any, kind: TopAbs_ShapeEnum) -> Any:
    found = ShapeMap()
    TopExp.MapShapes_s(shape, kind, found)
    return found


def _by_body(placed: Any) -> list[_Body]:
    """Return each body with its placements, so that it is checked and measured once, not once per placement."""
    found, origin, places = ShapeMap(), TopLoc_Location(), dict[int, list[int]]()
    for index in range(1, placed.Extent() + 1):
        places.setdefault(found.Add(placed.FindKey(index).Located(origin)), []).append(index)
    return [_Body(found.FindKey(index), placed, at) for index, at in places.items()]


def _box(exact: list[_Body], triangles: list[_Body]) -> list[float | None] | None:
    box = Bnd_Box()
    for bodies, has_triangles in ((exact, False), (triangles, True)):
        if bodies:
            whole = compound(shape for body in bodies for shape in body.located())
            BRepBndLib.AddOptimal_s(whole, box, has_triangles, False)
    if box.IsVoid():
        return None
    low, high = box.CornerMin(), box.CornerMax()
    return [_json_float(getattr(high, axis)() - getattr(low, axis)()) for axis in "XYZ"]


def _sum(properties: Callable[[Any, Any], Any], bodies: list[_Body]) -> float:
    total = 0.0
    for body in bodies:
        measured = GProp_GProps()
        properties(body.shape, measured)
        total += float(measured.Mass()) * len(body.places)
    return total


def _json_float(value: float) -> float | None:
    """Return the value, or None if JSON cannot represent it."""
    return value if math.isfinite(value) else None
