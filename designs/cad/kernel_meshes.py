"""Bodies of triangles: faces that have a triangulation and no surface. Runs only in the child of the kernel host."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random
from typing import Any, Final

from OCP.BRep import BRep_Builder, BRep_Tool
from OCP.BRepGProp import BRepGProp
from OCP.GProp import GProp_GProps
from OCP.TopAbs import TopAbs_Orientation, TopAbs_ShapeEnum
from OCP.TopExp import TopExp_Explorer
from OCP.TopLoc import TopLoc_Location
from OCP.TopoDS import TopoDS, TopoDS_Compound

__all__ = ["compound", "free_meshes", "is_mesh", "mesh_area", "mesh_volume"]

# Corners are equal if their coordinates in millimetres agree to this many decimal places.
_SAME_POINT_DIGITS: Final = 6


def is_mesh(shape: Any) -> bool:
    """Return whether a face of this shape has triangles and no surface."""
    return any(
        BRep_Tool.Surface_s(face) is None and BRep_Tool.Triangulation_s(face, TopLoc_Location()) is not None
        for face in _faces(shape)
    )


def mesh_area(shape: Any) -> float:
    """Return the area of the triangles."""
    properties = GProp_GProps()
    BRepGProp.SurfaceProperties_s(shape, properties, False, True)
    return float(properties.Mass())


def mesh_volume(shape: Any) -> float | None:
    """Return the volume the triangles enclose; None when they do not close."""
    if not _closes(shape):
        return None
    properties = GProp_GProps()
    BRepGProp.VolumeProperties_s(shape, properties, False, False, True)
    # If all triangles face inwards, the writer made a mistake.
    return abs(float(properties.Mass()))


def free_meshes(shape: Any, *, with_faces: bool) -> Iterator[Any]:
    """Yield the non-solid bodies of triangles: each shell, and all faces outside of shells as one body."""
    for shell in _explored(shape, TopAbs_ShapeEnum.TopAbs_SHELL, TopAbs_ShapeEnum.TopAbs_SOLID):
        if is_mesh(shell):
            yield shell
    if not with_faces:
        return
    loose = [f for f in _explored(shape, TopAbs_ShapeEnum.TopAbs_FACE, TopAbs_ShapeEnum.TopAbs_SHELL) if is_mesh(f)]
    if loose:
        yield compound(loose)


def compound(shapes: Iterable[Any]) -> Any:
    """Return one compound of these shapes."""
    whole, builder = TopoDS_Compound(), BRep_Builder()
    builder.MakeCompound(whole)
    for shape in shapes:
        builder.Add(whole, shape)
    return whole


def _closes(shape: Any) -> bool:
    """Return whether the triangles traverse each edge equally often in both directions.

    Each corner gets two random numbers. An edge from A to B adds the product of A's first and B's second number; the
    edge from B to A subtracts it. The sum is zero when all edges cancel out, and practically never otherwise.
    A table of the edges of a million triangles would take more time and memory than the kernel does.
    """
    numbers = Random(0)  # noqa: S311 - no secret
    corners: dict[tuple[float, float, float], tuple[int, int]] = {}
    total = triangle_count = 0
    for face in _faces(shape):
        location = TopLoc_Location()
        mesh = BRep_Tool.Triangulation_s(face, location)
        if mesh is None:
            continue
        sign = -1 if face.Orientation() == TopAbs_Orientation.TopAbs_REVERSED else 1
        known = [(0, 0)]
        for place in _places(mesh, location):
            if place not in corners:
                corners[place] = (numbers.getrandbits(61), numbers.getrandbits(61))
            known.append(corners[place])
        triangle_count += mesh.NbTriangles()
        get = mesh.Triangle
        for index in range(1, mesh.NbTriangles() + 1):
            a, b, c = get(index).Get()
            (a1, a2), (b1, b2), (c1, c2) = known[a], known[b], known[c]
            total += sign * (a1 * (b2 - c2) + b1 * (c2 - a2) + c1 * (a2 - b2))
    return bool(triangle_count) and not total


def _places(mesh: Any, location: Any) -> Iterator[tuple[float, float, float]]:
    moved = None if location.IsIdentity() else location.Transformation()
    for index in range(1, mesh.NbNodes() + 1):
        point = mesh.Node(index).Transformed(moved) if moved else mesh.Node(index)
        digits = _SAME_POINT_DIGITS
        # Adding zero turns -0.0 into 0.0.
        yield round(point.X(), digits) + 0.0, round(point.Y(), digits) + 0.0, round(point.Z(), digits) + 0.0


def _faces(shape: Any) -> Iterator[Any]:
    return map(TopoDS.Face, _explored(shape, TopAbs_ShapeEnum.TopAbs_FACE))


def _explored(
    shape: Any, kind: TopAbs_ShapeEnum, outside: TopAbs_ShapeEnum = TopAbs_ShapeEnum.TopAbs_SHAPE
) -> Iterator[Any]:
    explorer = TopExp_Explorer(shape, kind, outside)
    while explorer.More():
        yield explorer.Current()
        explorer.Next()
