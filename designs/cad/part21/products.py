"""The product structure of a STEP file (ISO 10303-41 and -44): product definitions and their usages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from designs.cad.part21.instances import Instance, Parameter, Reference, StepScan, Text
from designs.cad.part21.quantities import QUANTIFIED, usage_count
from designs.exceptions import BOMExtractionError

__all__ = ["MAX_PIECES", "Edges", "ProductTree", "Usage", "multiplied", "product_tree", "too_many_pieces"]

MAX_PIECES: Final = 10**15
"""Limit on pieces, above any real assembly."""

_DEFINITIONS: Final = ("PRODUCT_DEFINITION", "PRODUCT_DEFINITION_WITH_ASSOCIATED_DOCUMENTS")
# Parts that another file defines. The second parameter is the id of the product, if stated.
_REFERENCES: Final = (
    "PRODUCT_DEFINITION_REFERENCE",
    "PRODUCT_DEFINITION_REFERENCE_WITH_LOCAL_REPRESENTATION",
    "GENERIC_PRODUCT_DEFINITION_REFERENCE",
)
_FORMATIONS: Final = ("PRODUCT_DEFINITION_FORMATION", "PRODUCT_DEFINITION_FORMATION_WITH_SPECIFIED_SOURCE")
_RELATION: Final = "PRODUCT_DEFINITION_RELATIONSHIP"
_NEXT: Final = "NEXT_ASSEMBLY_USAGE_OCCURRENCE"
_PROMISED: Final = "PROMISSORY_USAGE_OCCURRENCE"
_GENERAL: Final = "ASSEMBLY_COMPONENT_USAGE"
# These repeat an occurrence of other usages, or state the origin or a replacement of a part: none adds a piece.
_NO_PIECES: Final = (
    "SPECIFIED_HIGHER_USAGE_OCCURRENCE",
    "MAKE_FROM_USAGE_OPTION",
    "ASSEMBLY_COMPONENT_USAGE_SUBSTITUTE",
)
Edges = dict[int, Counter[int]]


@dataclass(frozen=True, slots=True)
class Usage:
    """One direct usage of a component by an assembly.

    Attributes:
        count: Number of pieces; None when it states an amount that cannot be counted.
        is_plain: It is only a NEXT_ASSEMBLY_USAGE_OCCURRENCE, which all readers support.
    """

    identifier: int
    parent: int
    child: int
    count: int | None
    is_plain: bool


@dataclass(frozen=True, slots=True)
class ProductTree:
    """Product definition -> name of its product, and the usages between them."""

    names: dict[int, str]
    usages: list[Usage]

    def edges(self) -> Edges:
        """Return assembly -> number of direct uses of each component; an amount counts as one."""
        return _edges((usage.parent, usage.child, usage.count or 1) for usage in self.usages)

    def plain_edges(self, only: Container[int] | None = None) -> Edges:
        """Return assembly -> number of usages of each component that the kernel supports; of ``only`` these if set."""
        plain = (usage for usage in self.usages if usage.is_plain and (only is None or usage.identifier in only))
        return _edges((usage.parent, usage.child, 1) for usage in plain)


def _edges(links: Iterable[tuple[int, int, int]]) -> Edges:
    edges: Edges = {}
    for parent, child, count in links:
        edges.setdefault(parent, Counter())[child] += count
    return edges


def product_tree(scan: StepScan) -> ProductTree:
    """Return the product structure.

    A part is named by the id of its PRODUCT, its part number; by its name if the id is blank.

    Raises:
        BOMExtractionError: When it refers to nothing or to anything but a product definition, lacks its products, or
            states a quantity that is no number above zero.
    """
    if scan.missing_products:
        raise _refused(
            "The product structure refers to what is not there.", "missing", count=len(scan.missing_products)
        )
    names = _names(scan)
    usages = [_usage(scan, instance, names) for instance in _usage_instances(scan)]
    used = {usage.child for usage in usages}
    # A promissory usage stands for a structure missing in the file; if the file has it, the part is counted there.
    promised = (_usage(scan, instance, names) for instance in scan.with_keyword(_PROMISED))
    usages += [usage for usage in promised if usage.child not in used]
    return ProductTree(names, usages)


def _names(scan: StepScan) -> dict[int, str]:
    definitions = [instance for keyword in _DEFINITIONS for instance in scan.with_keyword(keyword)]
    references = [instance for keyword in _REFERENCES for instance in scan.with_keyword(keyword)]
    if not definitions and scan.solid_count:
        raise _refused("The file has bodies but no products.", "no_products")
    names = {reference.identifier: _referenced_name(reference) for reference in references}
    for definition in definitions:
        if definition.identifier not in names:
            names[definition.identifier] = _product_name(scan, definition)
    return names


def _referenced_name(reference: Instance) -> str:
    record = reference.first(*_REFERENCES) or []
    return _first_text(record[1:2])


def _product_name(scan: StepScan, definition: Instance) -> str:
    formation = _target(scan, definition.first(*_DEFINITIONS), 2)
    product = _target(scan, formation.first(*_FORMATIONS) if formation else None, 2)
    record = product.first("PRODUCT") if product else None
    if record is None:
        raise _refused("A product definition leads to no product.", "no_product")
    return _first_text(record[:2])


def _first_text(parameters: list[Parameter]) -> str:
    texts = [str(text) for text in parameters if isinstance(text, Text)]
    return next((text for text in texts if text), "unnamed")


def _usage_instances(scan: StepScan) -> Iterator[Instance]:
    found: dict[int, Instance] = {}
    for keyword in (_NEXT, QUANTIFIED, _GENERAL):
        found |= {instance.identifier: instance for instance in scan.with_keyword(keyword)}
    for instance in found.values():
        if instance.first(_PROMISED, *_NO_PIECES) is None:
            yield instance


def _usage(scan: StepScan, instance: Instance, names: dict[int, str]) -> Usage:
    # In a complex instance, the record of the supertype has the relation.
    record = instance.first(_RELATION, _NEXT, QUANTIFIED, _PROMISED, _GENERAL)
    parent, child = _target(scan, record, 3), _target(scan, record, 4)
    if parent is None or child is None:
        raise _refused("An assembly uses what is not there.", "wrong_target")
    if parent.identifier not in names or child.identifier not in names:
        raise _refused("An assembly uses what is no product definition.", "wrong_target")
    return Usage(
        instance.identifier,
        parent.identifier,
        child.identifier,
        usage_count(scan, instance),
        is_plain=list(instance.records) == [_NEXT],
    )


def multiplied(edges: Edges, roots: Iterable[int]) -> dict[int, int]:
    """Return the total number of uses of each definition, visiting each one after all its users.

    Each is visited once, so the time depends on the size of the file and not on the number of pieces.

    Raises:
        BOMExtractionError: When an assembly contains itself, or a quantity exceeds `MAX_PIECES`.
    """
    waiting = Counter(child for children in edges.values() for child in children)
    quantities: Counter[int] = Counter(dict.fromkeys(roots, 1))
    ready, passed, total = list(quantities), 0, len(waiting) + len(quantities)
    while ready:
        parent = ready.pop()
        passed += 1
        for child, times in edges.get(parent, Counter()).items():
            quantities[child] += quantities[parent] * times
            # Refused early: assemblies that double at each level produce numbers with as many bits as levels.
            if quantities[child] > MAX_PIECES:
                raise too_many_pieces()
            waiting[child] -= 1
            if not waiting[child]:
                ready.append(child)
    if passed < total:
        raise _refused("An assembly contains itself.", "cycle", count=total - passed)
    return quantities


def _target(scan: StepScan, record: list[Parameter] | None, position: int) -> Instance | None:
    if record is None or len(record) <= position:
        return None
    reference = record[position]
    return scan.instance(reference.target) if isinstance(reference, Reference) else None


def too_many_pieces() -> BOMExtractionError:
    """Return the exception for an assembly beyond `MAX_PIECES`."""
    return _refused("The assembly has more pieces than can be built.", "pieces")


def _refused(message: str, reason: str, **facts: int) -> BOMExtractionError:
    """Return the exception for an impossible product structure."""
    return BOMExtractionError(message, details={"stage": "bom", "reason": reason, **facts})
