"""The contexts of the shapes of a STEP file (ISO 10303-43), which define the units of the shapes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from designs.cad.part21.instances import Instance, Parameter, Reference, StepScan
from designs.cad.part21.measures import refused_unit

__all__ = ["UNIT_CONTEXT", "holds_no_model", "shape_contexts"]

UNIT_CONTEXT: Final = "GLOBAL_UNIT_ASSIGNED_CONTEXT"
_USAGE: Final = "NEXT_ASSEMBLY_USAGE_OCCURRENCE"
_LINK: Final = "SHAPE_DEFINITION_REPRESENTATION"
_PLAIN: Final = "SHAPE_REPRESENTATION"
# Representations of geometry, independent of the instances that use them.
_GEOMETRY: Final = (
    "ADVANCED_BREP_SHAPE_REPRESENTATION",
    "FACETED_BREP_SHAPE_REPRESENTATION",
    "ELEMENTARY_BREP_SHAPE_REPRESENTATION",
    "MANIFOLD_SURFACE_SHAPE_REPRESENTATION",
    "NON_MANIFOLD_SURFACE_SHAPE_REPRESENTATION",
    "GEOMETRICALLY_BOUNDED_SURFACE_SHAPE_REPRESENTATION",
    "GEOMETRICALLY_BOUNDED_WIREFRAME_SHAPE_REPRESENTATION",
    "EDGE_BASED_WIREFRAME_SHAPE_REPRESENTATION",
    "SHELL_BASED_WIREFRAME_SHAPE_REPRESENTATION",
    "TESSELLATED_SHAPE_REPRESENTATION",
    "COMPOUND_SHAPE_REPRESENTATION",
    "CURVE_SWEPT_SOLID_SHAPE_REPRESENTATION",
    "CSG_SHAPE_REPRESENTATION",
)


def shape_contexts(scan: StepScan) -> list[Instance]:
    """Return the contexts of all shapes, a root product's first; if no shape has one, all contexts with units.

    Raises:
        UnitConversionError: When a shape of a product, or with geometry, has no context.
    """
    contexts: dict[int, Instance] = {}
    for shape, needs_unit in _shapes(scan):
        record = _representation(shape)
        context = _follow(scan, record, 2)
        if context is not None:
            contexts[context.identifier] = context
        elif needs_unit and record and record[1] != []:
            raise refused_unit("A shape of the file has no units.", "no_context", shape)
    return list(contexts.values()) or scan.with_keyword(UNIT_CONTEXT)


def holds_no_model(scan: StepScan) -> bool:
    """Return whether the file has no shape, body or assembly, and so needs no unit."""
    shapes = any(_representation(shape) for shape, _ in _shapes(scan))
    return not (shapes or scan.solid_count or scan.with_keyword(_USAGE))


def _shapes(scan: StepScan) -> Iterator[tuple[Instance, bool]]:
    """Yield each shape and whether it requires units, those of root products first; some are yielded twice."""
    roots, parts = _product_shapes(scan)
    yield from ((shape, True) for shape in (*roots, *parts))
    yield from ((shape, False) for shape in scan.with_keyword(_PLAIN))
    yield from ((shape, True) for keyword in _GEOMETRY for shape in scan.with_keyword(keyword))


def _product_shapes(scan: StepScan) -> tuple[list[Instance], list[Instance]]:
    """Return the representations of products that no assembly uses, and those of the others."""
    used = set()
    for usage in scan.with_keyword(_USAGE):
        relation = usage.first("PRODUCT_DEFINITION_RELATIONSHIP", _USAGE) or []
        used |= {parameter.target for parameter in relation[4:5] if isinstance(parameter, Reference)}
    roots: list[Instance] = []
    parts: list[Instance] = []
    for link in scan.with_keyword(_LINK):
        record = link.first(_LINK)
        definition, shape = _follow(scan, record, 0), _follow(scan, record, 1)
        product = _follow(scan, definition.first("PRODUCT_DEFINITION_SHAPE") if definition else None, 2)
        if shape and product and product.first("PRODUCT_DEFINITION", "PRODUCT_DEFINITION_WITH_ASSOCIATED_DOCUMENTS"):
            (parts if product.identifier in used else roots).append(shape)
    return roots, parts


def _representation(shape: Instance) -> list[Parameter] | None:
    """Return name, items and context of a shape; a complex instance has them in the record of the supertype."""
    records = (record for keyword, record in shape.records.items() if keyword.endswith("REPRESENTATION"))
    return next((record for record in records if len(record) > 2), None)


def _follow(scan: StepScan, record: list[Parameter] | None, position: int) -> Instance | None:
    found = record[position] if record and len(record) > position else None
    return scan.instance(found.target) if isinstance(found, Reference) else None
