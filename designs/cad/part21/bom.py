"""The bill of materials of an assembly, from its NEXT_ASSEMBLY_USAGE_OCCURRENCE instances (ISO 10303-44)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from designs.cad.part21.instances import Instance, Parameter, Reference, StepScan, Text
from designs.exceptions import BOMExtractionError

__all__ = ["MAX_PIECES", "Bom", "BomLine", "bill_of_materials"]

MAX_PIECES = 10**15
"""More pieces than this are no assembly anybody builds."""


@dataclass(frozen=True, slots=True)
class BomLine:
    """A part without parts of its own, and how often the whole file uses it."""

    part: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Bom:
    """A bill of materials.

    Attributes:
        top: Names of the assemblies no other assembly uses; of the parts when there is no assembly.
        lines: Leaf parts by name, sorted; empty when the file holds no assembly.
        pieces: Sum of the quantities.
    """

    top: tuple[str, ...]
    lines: tuple[BomLine, ...]
    pieces: int


_DEFINITIONS = ("PRODUCT_DEFINITION", "PRODUCT_DEFINITION_WITH_ASSOCIATED_DOCUMENTS")
_FORMATIONS = ("PRODUCT_DEFINITION_FORMATION", "PRODUCT_DEFINITION_FORMATION_WITH_SPECIFIED_SOURCE")
_USAGE = "NEXT_ASSEMBLY_USAGE_OCCURRENCE"
Edges = dict[int, Counter[int]]


def bill_of_materials(scan: StepScan) -> Bom:
    """Return the leaf parts with their quantities, multiplied down the tree.

    Each product definition is visited once, so the time depends on the size of the file and not on the
    number of pieces. A part goes by the id of its PRODUCT, its part number; by its name if the id is blank.

    Raises:
        BOMExtractionError: When the structure has a cycle, refers to nowhere or to something that is no
            product definition, lacks its products, or makes more than `MAX_PIECES` pieces.
    """
    if scan.missing_products:
        raise _refused(
            "The product structure refers to what is not there.", "missing", count=len(scan.missing_products)
        )
    names = _names(scan)
    edges = _edges(scan, names)
    used = {child for children in edges.values() for child in children}
    roots = [parent for parent in edges if parent not in used]
    if not edges:
        return Bom(top=tuple(sorted(names.values())), lines=(), pieces=0)
    quantities = _quantities(edges, roots)
    leaves: Counter[str] = Counter()
    for definition, quantity in quantities.items():
        if definition not in edges:
            leaves[names[definition]] += quantity
    pieces = leaves.total()
    if pieces > MAX_PIECES:
        raise _too_many_pieces()
    lines = tuple(BomLine(part, quantity) for part, quantity in sorted(leaves.items()))
    return Bom(top=tuple(sorted(names[root] for root in roots)), lines=lines, pieces=pieces)


def _names(scan: StepScan) -> dict[int, str]:
    """Return product definition -> name of its product."""
    definitions = [instance for keyword in _DEFINITIONS for instance in scan.with_keyword(keyword)]
    if not definitions and scan.solid_count:
        raise _refused("The file has bodies but no products.", "no_products")
    return {definition.identifier: _product_name(scan, definition) for definition in definitions}


def _product_name(scan: StepScan, definition: Instance) -> str:
    formation = _target(scan, definition.first(*_DEFINITIONS), 2)
    product = _target(scan, formation.first(*_FORMATIONS) if formation else None, 2)
    record = product.first("PRODUCT") if product else None
    if record is None:
        raise _refused("A product definition leads to no product.", "no_product")
    texts = [str(text) for text in record[:2] if isinstance(text, Text)]
    return next((text for text in texts if text), "unnamed")


def _edges(scan: StepScan, names: dict[int, str]) -> Edges:
    """Return assembly -> how often it uses each of its components directly."""
    edges: Edges = {}
    for usage in scan.with_keyword(_USAGE):
        # As a complex instance the relation stands in the record of the supertype.
        record = usage.first("PRODUCT_DEFINITION_RELATIONSHIP", _USAGE)
        parent, child = _target(scan, record, 3), _target(scan, record, 4)
        if parent is None or child is None:
            raise _refused("An assembly uses what is not there.", "wrong_target")
        if parent.identifier not in names or child.identifier not in names:
            raise _refused("An assembly uses what is no product definition.", "wrong_target")
        edges.setdefault(parent.identifier, Counter())[child.identifier] += 1
    return edges


def _quantities(edges: Edges, roots: list[int]) -> dict[int, int]:
    """Return how often each definition is used in all, passing each one after all that use it.

    Raises:
        BOMExtractionError: When an assembly contains itself, or a quantity exceeds `MAX_PIECES`.
    """
    waiting = Counter(child for children in edges.values() for child in children)
    quantities: Counter[int] = Counter(dict.fromkeys(roots, 1))
    ready, passed = list(roots), 0
    while ready:
        parent = ready.pop()
        passed += 1
        for child, times in edges.get(parent, Counter()).items():
            quantities[child] += quantities[parent] * times
            # Refused here: assemblies that double at each level make numbers of as many bits as there are levels.
            if quantities[child] > MAX_PIECES:
                raise _too_many_pieces()
            waiting[child] -= 1
            if not waiting[child]:
                ready.append(child)
    if passed < len(waiting) + len(roots):
        raise _refused("An assembly contains itself.", "cycle", count=len(waiting) + len(roots) - passed)
    return quantities


def _target(scan: StepScan, record: list[Parameter] | None, position: int) -> Instance | None:
    if record is None or len(record) <= position:
        return None
    reference = record[position]
    return scan.instance(reference.target) if isinstance(reference, Reference) else None


def _too_many_pieces() -> BOMExtractionError:
    return _refused("The assembly has more pieces than can be built.", "pieces")


def _refused(message: str, reason: str, **facts: int) -> BOMExtractionError:
    return BOMExtractionError(message, details={"stage": "bom", "reason": reason, **facts})
