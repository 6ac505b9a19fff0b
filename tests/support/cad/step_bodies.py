"""Assemblies of small bodies written out in tests: boxes, sheets, wires and triangles, each of known size."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

from tests.support.cad.step_text import UNITS, product, step_file

__all__ = ["BOX_FACES", "Part", "StepText"]

CONTEXT = "#2"
# The corners of each side of a box, seen from outside; a corner's bits are its x, y and z.
BOX_FACES = ((0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5))
# The normal of each side and a direction along it.
_SIDES = (
    ("0.,0.,-1.", "1.,0.,0."), ("0.,0.,1.", "1.,0.,0."), ("0.,-1.,0.", "1.,0.,0."),
    ("0.,1.,0.", "1.,0.,0."), ("-1.,0.,0.", "0.,1.,0."), ("1.,0.,0.", "0.,1.,0."),
)  # fmt: skip
Size = tuple[float, float, float]


@dataclass(frozen=True)
class Part:
    """A product definition, its shape representation and the placement it is positioned by; ``""`` for none."""

    definition: str
    shape: str = ""
    placement: str = ""


class StepText:
    """The DATA section of a file, written instance by instance; each method returns the name of what it wrote."""

    def __init__(self) -> None:
        self._numbers = count(10)
        self._written = [UNITS]

    def add(self, record: str) -> str:
        """Write one instance."""
        name = f"#{next(self._numbers)}"
        self._written.append(f"{name}={record};\n")
        return name

    def file(self, *, schema: str = "AUTOMOTIVE_DESIGN") -> bytes:
        """Return the complete file."""
        return step_file("".join(self._written), schema=schema)

    def point(self, x: float, y: float, z: float) -> str:
        """Write a point."""
        return self.add(f"CARTESIAN_POINT('',({x:.6f},{y:.6f},{z:.6f}))")

    def direction(self, ratios: str) -> str:
        """Write a direction."""
        return self.add(f"DIRECTION('',({ratios}))")

    def placement(self, x: float = 0, y: float = 0, z: float = 0) -> str:
        """Write a placement that moves and does not turn."""
        return self.add(f"AXIS2_PLACEMENT_3D('',{self.point(x, y, z)},$,$)")

    def faces(self, size: Size, sides: range = range(6)) -> list[str]:
        """Write sides of a box with one corner at the origin; the first alone is a sheet of x by y."""
        at = [(size[0] * (n & 1), size[1] * (n >> 1 & 1), size[2] * (n >> 2)) for n in range(8)]
        vertices = [self.add(f"VERTEX_POINT('',{self.point(*place)})") for place in at]
        edges: dict[tuple[int, int], str] = {}
        return [self._face(BOX_FACES[side], _SIDES[side], at, vertices, edges) for side in sides]

    def _face(
        self,
        corners: tuple[int, ...],
        axes: tuple[str, str],
        at: list[Size],
        vertices: list[str],
        edges: dict[tuple[int, int], str],
    ) -> str:
        bounds = []
        for begin, end in zip(corners, corners[1:] + corners[:1], strict=True):
            low, high = min(begin, end), max(begin, end)
            if (low, high) not in edges:
                edges[low, high] = self._edge(at[low], at[high], vertices[low], vertices[high])
            bounds.append(self.add(f"ORIENTED_EDGE('',*,*,{edges[low, high]},.{'T' if begin == low else 'F'}.)"))
        loop = self.add(f"EDGE_LOOP('',({','.join(bounds)}))")
        normal, along = (self.direction(ratios) for ratios in axes)
        axis = self.add(f"AXIS2_PLACEMENT_3D('',{self.point(*at[corners[0]])},{normal},{along})")
        bound, plane = self.add(f"FACE_OUTER_BOUND('',{loop},.T.)"), self.add(f"PLANE('',{axis})")
        return self.add(f"ADVANCED_FACE('',({bound}),{plane},.T.)")

    def _edge(self, begin: Size, end: Size, first: str, last: str) -> str:
        along = ",".join(f"{b - a:.6f}" for a, b in zip(begin, end, strict=True))
        vector = self.add(f"VECTOR('',{self.direction(along)},1.)")
        line = self.add(f"LINE('',{self.point(*begin)},{vector})")
        return self.add(f"EDGE_CURVE('',{first},{last},{line},.T.)")

    def box(self, *size: float) -> str:
        """Write a solid box."""
        shell = self.add(f"CLOSED_SHELL('',({','.join(self.faces(size))}))")  # type: ignore[arg-type]
        return self.add(f"MANIFOLD_SOLID_BREP('',{shell})")

    def sheet(self, x: float, y: float) -> str:
        """Write a surface body of one rectangle."""
        shell = self.add(f"OPEN_SHELL('',({self.faces((x, y, 1.0), range(1))[0]}))")
        return self.add(f"SHELL_BASED_SURFACE_MODEL('',({shell}))")

    def wire(self, length: float) -> str:
        """Write a wire body of one straight line."""
        line = self.add(f"POLYLINE('',({self.point(0, 0, 0)},{self.point(length, 0, 0)}))")
        return self.add(f"GEOMETRIC_CURVE_SET('',({line}))")

    def part(self, name: str, *items: str, kind: str = "ADVANCED_BREP_SHAPE_REPRESENTATION") -> Part:
        """Write a product with a shape that holds these items and a placement."""
        placement = self.placement()
        shape = self.add(f"{kind}('',({','.join((placement, *items))}),{CONTEXT})")
        return self.shaped(self.bare(name), shape, placement)

    def assembly(self, name: str) -> Part:
        """Write a product with a shape that holds a placement only."""
        return self.part(name, kind="SHAPE_REPRESENTATION")

    def bare(self, name: str) -> Part:
        """Write a product without a shape."""
        first = next(self._numbers)
        next(self._numbers), next(self._numbers)
        self._written.append(product(first, name) + "\n")
        return Part(f"#{first}")

    def shaped(self, part: Part, shape: str, placement: str = "") -> Part:
        """Write that this representation is the shape of a part."""
        described = self.add(f"PRODUCT_DEFINITION_SHAPE('','',{part.definition})")
        self.add(f"SHAPE_DEFINITION_REPRESENTATION({described},{shape})")
        return Part(part.definition, shape, placement)

    def use(self, parent: Part, child: Part, x: float = 0, *, usage: str = "") -> str:
        """Write that an assembly uses a part, moved by ``x``; ``usage`` is the relation if it is of another kind."""
        link = self.add(usage or f"NEXT_ASSEMBLY_USAGE_OCCURRENCE('','','',{parent.definition},{child.definition},$)")
        if child.shape:
            self.place(link, parent, child, x)
        return link

    def place(self, link: str, parent: Part, child: Part, x: float = 0) -> None:
        """Write where a usage puts its part."""
        moved = self.add(f"ITEM_DEFINED_TRANSFORMATION('','',{child.placement},{self.placement(x)})")
        relation = self.add(
            f"(REPRESENTATION_RELATIONSHIP('','',{child.shape},{parent.shape})"
            f"REPRESENTATION_RELATIONSHIP_WITH_TRANSFORMATION({moved})SHAPE_REPRESENTATION_RELATIONSHIP())"
        )
        described = self.add(f"PRODUCT_DEFINITION_SHAPE('','',{link})")
        self.add(f"CONTEXT_DEPENDENT_SHAPE_REPRESENTATION({relation},{described})")

    def mesh_faces(self, *size: float, sides: range = range(6), kind: str = "TRIANGULATED_FACE") -> list[str]:
        """Write sides of a box as triangles, two a side; ``COMPLEX_TRIANGULATED_FACE`` has strips."""
        at = ",".join(f"({size[0] * (n & 1)},{size[1] * (n >> 1 & 1)},{size[2] * (n >> 2)})" for n in range(8))
        points = self.add(f"COORDINATES_LIST('',8,({at}))")
        written = []
        for side in sides:
            index = ",".join(str(corner + 1) for corner in BOX_FACES[side])
            triangles = "((1,2,4,3)),()" if kind.startswith("COMPLEX") else "((1,2,3),(1,3,4))"
            link = "" if kind.endswith("SET") else "$,"
            written.append(self.add(f"{kind}('',{points},4,(),{link}({index}),{triangles})"))
        return written

    def mesh(self, *size: float, kind: str = "TESSELLATED_SOLID", faces: str = "TRIANGULATED_FACE") -> str:
        """Write a box of triangles."""
        return self.add(f"{kind}('',({','.join(self.mesh_faces(*size, kind=faces))}),$)")
