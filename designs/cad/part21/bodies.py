"""Counts of the bodies that a STEP file defines and places, by its shape representations (ISO 10303-41 and -43).

The counts are lower bounds for the kernel's: a reader that follows the standard finds at least as many.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from designs.cad.part21.instances import Instance, Parameter, Reference, StepScan
from designs.cad.part21.listing import listed
from designs.cad.part21.products import MAX_PIECES, Edges, ProductTree, multiplied, product_tree

__all__ = ["Bodies", "bodies_of", "defined_solids"]

_EXACT: Final = ("MANIFOLD_SOLID_BREP", "BREP_WITH_VOIDS", "FACETED_BREP")
_MESHES: Final = ("TESSELLATED_SOLID", "TESSELLATED_SHELL")
_TRIANGLES: Final = re.compile(rb"TESSELLATED_(?:SOLID|SHELL|SHAPE)|TRIANGULATED_(?:FACE|SURFACE)", re.IGNORECASE)
_LINK: Final = "SHAPE_REPRESENTATION_RELATIONSHIP"
_PLACED: Final = "CONTEXT_DEPENDENT_SHAPE_REPRESENTATION"


@dataclass(frozen=True, slots=True)
class Bodies:
    """The bodies of a file.

    Attributes:
        placed_solids: Solids with a boundary representation, each placement counted.
        positioned_solids: The placed solids without those of usages that have no position.
        mesh_solids: Solids of triangles, each placement counted.
        placements: Parts without parts of their own, each placement counted.
        has_shapes: The file has a shape representation.
        has_meshes: Triangles are among its shapes.
        ignores_meshes: Triangles stand beside the exact bodies of the same part, so they are not measured.
        warnings: Oddities that do not fail the file, as texts shown with the design.
    """

    placed_solids: int
    positioned_solids: int
    mesh_solids: int
    placements: int
    has_shapes: bool
    has_meshes: bool
    ignores_meshes: bool
    warnings: tuple[str, ...]


def defined_solids(scan: StepScan) -> int:
    """Return how many solids are items of shape representations. Others belong to a construction or a drawing."""
    return len({item for shape in _Shapes(scan).items.values() for item in shape if _is_solid(scan, item)})


def bodies_of(scan: StepScan) -> Bodies:
    """Return the bodies of a file.

    Raises:
        BOMExtractionError: When its product structure is impossible.
    """
    return _Reader(scan).read()


class _Shapes:
    """The shape representations and the links between them."""

    def __init__(self, scan: StepScan) -> None:
        self.scan = scan

    @cached_property
    def items(self) -> dict[int, set[int]]:
        """Shape representation -> its items."""
        found = {}
        for instance in self.scan.with_suffix("SHAPE_REPRESENTATION", "_PARAMETERS"):
            record = next((record for record in instance.records.values() if len(record) > 1), None)
            if record and isinstance(listed_items := record[1], list):
                found[instance.identifier] = {item.target for item in listed_items if isinstance(item, Reference)}
        return found

    @cached_property
    def of_definition(self) -> dict[int, set[int]]:
        """Product definition, or usage -> its shape representations."""
        found: dict[int, set[int]] = {}
        for link in self.scan.with_keyword("SHAPE_DEFINITION_REPRESENTATION"):
            described, shape = (_at(link, position) for position in (0, 1))
            definition = _at(self.scan.instance(described or 0), 2)
            if definition and shape:
                found.setdefault(definition, set()).add(shape)
        return found

    @cached_property
    def linked(self) -> dict[int, set[int]]:
        """Shape representation -> others that are the same shape; without links that place a component."""
        placing = {_at(instance, 0) for instance in self.scan.with_keyword(_PLACED)}
        found: dict[int, set[int]] = {}
        for link in self.scan.with_keyword(_LINK):
            first, second = _at(link, 2), _at(link, 3)
            if link.identifier not in placing and list(link.records) == [_LINK] and first and second:
                found.setdefault(first, set()).add(second)
                found.setdefault(second, set()).add(first)
        return found

    @cached_property
    def positioned(self) -> set[int]:
        """The usages that have a position."""
        described = (self.scan.instance(_at(placed, 1) or 0) for placed in self.scan.with_keyword(_PLACED))
        return {usage for shape in described if (usage := _at(shape, 2))}


class _Reader:
    def __init__(self, scan: StepScan) -> None:
        self.scan = scan
        self.tree: ProductTree = product_tree(scan)
        self.shapes = _Shapes(scan)
        self.owned = {shape for shapes in self.shapes.of_definition.values() for shape in shapes}
        self.mapped_solids: dict[int, int] = {}

    def read(self) -> Bodies:
        own = {definition: self._shapes_of(definition) for definition in self.tree.names}
        exact = {definition: self._solids(shapes) for definition, shapes in own.items()}
        meshes = {definition: self._meshes(shapes) for definition, shapes in own.items()}
        ignores = any(exact[definition] and meshes[definition] for definition in own)
        solids_of_mesh = {d: sum(self._is(mesh, _MESHES[0]) for mesh in found) for d, found in meshes.items()}
        with_body = {
            definition
            for definition, shapes in own.items()
            if exact[definition] or (solids_of_mesh[definition] and not ignores) or any(map(self._sources, shapes))
        }
        plain = self.tree.plain_edges()
        placed = self._placed(plain, exact)
        return Bodies(
            placed_solids=placed,
            positioned_solids=self._placed(self.tree.plain_edges(self.shapes.positioned), exact, rooted_as=plain),
            mesh_solids=0 if ignores else self._placed(plain, solids_of_mesh),
            placements=self._placed(plain, {definition: int(definition not in plain) for definition in own}),
            has_shapes=bool(self.shapes.items),
            has_meshes=_TRIANGLES.search(self.scan.data) is not None,
            ignores_meshes=ignores,
            warnings=tuple(self._warnings(with_body, ignores)),
        )

    def _shapes_of(self, definition: int) -> set[int]:
        """Return the representations of a part: its own and linked ones, without those of other parts."""
        own = self.shapes.of_definition.get(definition, set())
        linked = {other for shape in own for other in self.shapes.linked.get(shape, set())}
        return own | (linked - self.owned)

    def _solids(self, shapes: set[int]) -> int:
        direct, mapped = set[int](), 0
        for shape in shapes:
            direct |= {item for item in self.shapes.items.get(shape, set()) if _is_solid(self.scan, item)}
            mapped += sum(self._count(target) for target in self._mapped(shape))
        return min(len(direct) + mapped, MAX_PIECES)

    def _mapped(self, shape: int) -> list[int]:
        """Return the representations that MAPPED_ITEMs of this one repeat, without those of other parts."""
        return [target for target in self._sources(shape) if target not in self.owned]

    def _sources(self, shape: int) -> list[int]:
        """Return the representations that MAPPED_ITEMs of this one repeat, once for each placement."""
        maps = set()
        for item in self.shapes.items.get(shape, set()):
            instance = self.scan.instance(item)
            if instance and (record := instance.first("MAPPED_ITEM")):
                maps.add((_target(record, 1), _target(record, 2)))
        sources = (_at(self.scan.instance(shown or 0), 1) for shown, _ in maps)
        return [source for source in sources if source]

    def _count(self, shape: int) -> int:
        """Return the solids of a mapped representation. Iterative, because the file decides the depth of nesting."""
        waiting = [shape]
        while waiting:
            current = waiting[-1]
            if current in self.mapped_solids and self.mapped_solids[current] >= 0:
                waiting.pop()
                continue
            targets = self._mapped(current)
            unknown = [target for target in targets if target not in self.mapped_solids]
            # A negative number marks a representation in progress, so that a cycle ends.
            self.mapped_solids[current] = -1
            if unknown:
                waiting += unknown
                continue
            direct = sum(_is_solid(self.scan, item) for item in self.shapes.items.get(current, set()))
            total = direct + sum(max(self.mapped_solids[target], 0) for target in targets)
            self.mapped_solids[current] = min(total, MAX_PIECES)
            waiting.pop()
        return max(self.mapped_solids[shape], 0)

    def _meshes(self, shapes: set[int]) -> list[int]:
        """Return the solids and shells of triangles that do not refer to the exact body they depict."""
        items = {item for shape in shapes for item in self.shapes.items.get(shape, set())}
        return [item for item in items if self._is(item, *_MESHES) and not _at(self.scan.instance(item), 2)]

    def _is(self, identifier: int, *keywords: str) -> bool:
        instance = self.scan.instance(identifier)
        return instance is not None and instance.first(*keywords) is not None

    def _placed(self, edges: Edges, bodies: dict[int, int], *, rooted_as: Edges | None = None) -> int:
        used = {child for children in (edges if rooted_as is None else rooted_as).values() for child in children}
        roots = [definition for definition in self.tree.names if definition not in used]
        times = multiplied(_reached(edges, roots), roots)
        return min(sum(times.get(definition, 0) * count for definition, count in bodies.items()), MAX_PIECES)

    def _warnings(self, with_body: set[int], ignores: bool) -> Iterable[str]:
        edges = self.tree.edges()
        leaves = {child for children in edges.values() for child in children} - set(edges)
        if not edges and with_body:
            # A product without a shape may be a document.
            leaves = {definition for definition in self.shapes.of_definition if definition in self.tree.names}
        without = listed(self.tree.names[leaf] for leaf in leaves - with_body)
        if without:
            yield f"Parts without a solid body in this file: {without}."
        elsewhere = listed(
            self.tree.names[usage.child]
            for usage in self.tree.usages
            if not usage.is_plain and (usage.child in with_body or usage.child in edges)
        )
        if elsewhere:
            yield f"Parts measured once, and where they are modelled instead of where they are used: {elsewhere}."
        if ignores:
            yield "Triangles beside exact bodies are not measured."


def _reached(edges: Edges, roots: list[int]) -> Edges:
    """Return the edges that lead away from the roots."""
    found: Edges = {}
    waiting = list(roots)
    while waiting:
        parent = waiting.pop()
        if parent in edges and parent not in found:
            found[parent] = edges[parent]
            waiting += found[parent]
    return found


def _is_solid(scan: StepScan, identifier: int) -> bool:
    instance = scan.instance(identifier)
    return instance is not None and instance.first(*_EXACT) is not None


def _at(instance: Instance | None, position: int) -> int | None:
    """Return the reference in the parameter at this position; the longest record of a complex instance counts."""
    return _target(max(instance.records.values(), key=len, default=[]), position) if instance else None


def _target(record: list[Parameter], position: int) -> int | None:
    parameter = record[position] if len(record) > position else None
    return parameter.target if isinstance(parameter, Reference) else None
