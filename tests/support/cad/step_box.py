"""A box as the words of a STEP file, so that a test can write them in any way the standard allows."""

from __future__ import annotations

from itertools import product

__all__ = ["BOX_DATA", "BOX_MM", "BOX_VOLUME_MM3", "box_instances"]

BOX_MM = (10.0, 20.0, 30.0)
BOX_VOLUME_MM3 = 6000.0

_CONTEXT = """
#1=APPLICATION_CONTEXT('mechanical design');
#2=PRODUCT_CONTEXT('',#1,'mechanical');
#3=PRODUCT('box','a box','',(#2));
#4=PRODUCT_DEFINITION_FORMATION('','',#3);
#5=PRODUCT_DEFINITION_CONTEXT('part definition',#1,'design');
#6=PRODUCT_DEFINITION('design','',#4,#5);
#7=PRODUCT_DEFINITION_SHAPE('','',#6);
#8=SHAPE_DEFINITION_REPRESENTATION(#7,#9);
#9=ADVANCED_BREP_SHAPE_REPRESENTATION('',(#20,#30),#10);
#10=(GEOMETRIC_REPRESENTATION_CONTEXT(3)GLOBAL_UNCERTAINTY_ASSIGNED_CONTEXT((#14))GLOBAL_UNIT_ASSIGNED_CONTEXT((#11,#12,#13))REPRESENTATION_CONTEXT('',''));
#11=(LENGTH_UNIT()NAMED_UNIT(*)SI_UNIT(.MILLI.,.METRE.));
#12=(NAMED_UNIT(*)PLANE_ANGLE_UNIT()SI_UNIT($,.RADIAN.));
#13=(NAMED_UNIT(*)SI_UNIT($,.STERADIAN.)SOLID_ANGLE_UNIT());
#14=UNCERTAINTY_MEASURE_WITH_UNIT(LENGTH_MEASURE(1.E-07),#11,'distance_accuracy_value','');
#20=AXIS2_PLACEMENT_3D('',#21,#22,#23);
#21=CARTESIAN_POINT('',(0.,0.,0.));
#22=DIRECTION('',(0.,0.,1.));
#23=DIRECTION('',(1.,0.,0.));
"""


class _Writer:
    """Numbers the instances as they are written."""

    def __init__(self, first: int) -> None:
        self.lines: list[str] = []
        self.next = first

    def add(self, record: str) -> str:
        name = f"#{self.next}"
        self.lines.append(f"{name}={record};")
        self.next += 1
        return name

    def triple(self, keyword: str, values: tuple[float, ...]) -> str:
        return self.add(f"{keyword}('',({','.join(_real(value) for value in values)}))")


def _real(value: float) -> str:
    return f"{value:.6f}"


def box_instances() -> list[str]:
    """Return the instances of a box with its product and unit, one a line."""
    writer = _Writer(31)
    corners = list(product((0, 1), repeat=3))
    points = {
        c: writer.triple("CARTESIAN_POINT", tuple(x * s for x, s in zip(c, BOX_MM, strict=True))) for c in corners
    }
    vertices = {corner: writer.add(f"VERTEX_POINT('',{point})") for corner, point in points.items()}
    edges = _edges(writer, corners, points, vertices)
    faces = [_face(writer, axis, side, points, edges) for axis in range(3) for side in (0, 1)]
    shell = writer.add(f"CLOSED_SHELL('',({','.join(faces)}))")
    return [*_CONTEXT.strip().splitlines(), f"#30=MANIFOLD_SOLID_BREP('box',{shell});", *writer.lines]


Corner = tuple[int, ...]


def _edges(
    writer: _Writer, corners: list[Corner], points: dict[Corner, str], vertices: dict[Corner, str]
) -> dict[tuple[Corner, Corner], str]:
    edges = {}
    for corner in corners:
        for axis in range(3):
            if corner[axis]:
                continue
            end = tuple(1 if index == axis else value for index, value in enumerate(corner))
            direction = writer.triple("DIRECTION", tuple(float(index == axis) for index in range(3)))
            line = writer.add(f"LINE('',{points[corner]},{writer.add(f'VECTOR({chr(39) * 2},{direction},1.)')})")
            edges[corner, end] = writer.add(f"EDGE_CURVE('',{vertices[corner]},{vertices[end]},{line},.T.)")
    return edges


def _face(
    writer: _Writer, axis: int, side: int, points: dict[Corner, str], edges: dict[tuple[Corner, Corner], str]
) -> str:
    """Return one face; its loop runs counter-clockwise seen from outside."""
    first, second = ((axis + 1) % 3, (axis + 2) % 3) if side else ((axis + 2) % 3, (axis + 1) % 3)
    loop = []
    for a, b in ((0, 0), (1, 0), (1, 1), (0, 1)):
        corner = [0, 0, 0]
        corner[axis], corner[first], corner[second] = side, a, b
        loop.append(tuple(corner))
    oriented = []
    for start, end in zip(loop, [*loop[1:], loop[0]], strict=True):
        forward = (start, end) in edges
        edge = edges[(start, end) if forward else (end, start)]
        oriented.append(writer.add(f"ORIENTED_EDGE('',*,*,{edge},{'.T.' if forward else '.F.'})"))
    bound = writer.add(f"FACE_OUTER_BOUND('',{writer.add(f'EDGE_LOOP({chr(39) * 2},({chr(44).join(oriented)}))')},.T.)")
    normal = writer.triple("DIRECTION", tuple((2.0 * side - 1) * (index == axis) for index in range(3)))
    across = writer.triple("DIRECTION", tuple(float(index == first) for index in range(3)))
    place = writer.add(f"AXIS2_PLACEMENT_3D('',{points[loop[0]]},{normal},{across})")
    return writer.add(f"ADVANCED_FACE('',({bound}),{writer.add(f'PLANE({chr(39) * 2},{place})')},.T.)")


BOX_DATA = "\n".join(box_instances())
