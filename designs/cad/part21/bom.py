"""The bill of materials of an assembly."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from designs.cad.part21.instances import StepScan
from designs.cad.part21.listing import listed
from designs.cad.part21.products import MAX_PIECES, ProductTree, multiplied, product_tree, too_many_pieces

__all__ = ["Bom", "BomLine", "bill_of_materials"]


@dataclass(frozen=True, slots=True)
class BomLine:
    """A part without parts of its own, and the number of its uses in the whole file."""

    part: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Bom:
    """A bill of materials.

    Attributes:
        top: Names of the assemblies that no other assembly uses; without assemblies, names of the parts.
        lines: Leaf parts by name, sorted; empty when the file holds no assembly.
        pieces: Sum of the quantities.
        warnings: Oddities that do not fail the file, as texts shown with the design.
    """

    top: tuple[str, ...]
    lines: tuple[BomLine, ...]
    pieces: int
    warnings: tuple[str, ...] = ()


def bill_of_materials(scan: StepScan) -> Bom:
    """Return the leaf parts with their quantities, multiplied down the tree.

    Raises:
        BOMExtractionError: When the structure has a cycle, refers to nothing or to anything but a product
            definition, lacks its products, states a quantity that is no number above zero, or makes more than
            `MAX_PIECES` pieces.
    """
    tree = product_tree(scan)
    edges = tree.edges()
    if not edges:
        return Bom(top=tuple(sorted(tree.names.values())), lines=(), pieces=0)
    used = {child for children in edges.values() for child in children}
    roots = [parent for parent in edges if parent not in used]
    leaves: Counter[str] = Counter()
    for definition, quantity in multiplied(edges, roots).items():
        if definition not in edges:
            leaves[tree.names[definition]] += quantity
    pieces = leaves.total()
    if pieces > MAX_PIECES:
        raise too_many_pieces()
    return Bom(
        top=tuple(sorted(tree.names[root] for root in roots)),
        lines=tuple(BomLine(part, quantity) for part, quantity in sorted(leaves.items())),
        pieces=pieces,
        warnings=_warnings(tree),
    )


def _warnings(tree: ProductTree) -> tuple[str, ...]:
    amounts = listed(tree.names[usage.child] for usage in tree.usages if usage.count is None)
    return (f"The bill counts once what is used by amount and not by number: {amounts}.",) if amounts else ()
