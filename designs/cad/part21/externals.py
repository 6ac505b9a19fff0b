"""Instances of other files (the third edition's ``REFERENCE`` section), which are not read.

A part in another file still counts in the bill of materials. A shape or a unit that depends on another file cannot be
measured.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from designs.cad.part21.encodings import Encoding
from designs.cad.part21.instances import Instance, Parameter, Reference, Text
from designs.cad.part21.references import references_by_instance
from designs.exceptions import InvalidFileFormat

__all__ = ["external_parts", "external_warning"]

_USAGE: Final = re.compile(rb"\w*(?:ASSEMBLY_USAGE_OCCURRENCE|COMPONENT_USAGE)\w*")
# Shapes and their elements, units, and measures.
_MEASURED: Final = re.compile(
    rb"\w*(?:POINT|VERTEX|DIRECTION|VECTOR|PLACEMENT|LINE|CURVE|CIRCLE|ELLIPSE|HYPERBOLA|PARABOLA|SURFACE|PLANE|EDGE"
    rb"|PATH|LOOP|FACE|BOUND|SHELL|BREP|SOLID|UNIT|MEASURE)\w*"
)


def external_parts(data: bytes, used: Mapping[int, bytes], encoding: Encoding) -> dict[int, Instance]:
    """Return stand-ins for the parts of assemblies that lie in other files, named by their addresses.

    Args:
        used: Identifier -> address of each external instance that the data refer to.

    Raises:
        InvalidFileFormat: When a shape or a unit depends on another file.
    """
    parts = set[int]()
    for keywords, targets in references_by_instance(data):
        found = targets & used.keys()
        if found and any(_MEASURED.fullmatch(keyword) for keyword in keywords):
            raise _not_read(min(found), len(used))
        if found and any(_USAGE.fullmatch(keyword) for keyword in keywords):
            parts |= found
    stand_ins: dict[int, Instance] = {}
    for number, part in enumerate(sorted(parts)):
        stand_ins |= _stand_in(part, Text(b"'%b'" % used[part], encoding), -2 * number - 1)
    return stand_ins


def external_warning(count: int) -> str:
    """Return the warning shown with the design."""
    return f"The file uses instances of other files ({count}), which are not read."


def _stand_in(part: int, name: Text, free: int) -> dict[int, Instance]:
    """Return a product definition with its product; identifiers below zero cannot occur in a file."""
    product, formation = free, free - 1
    records: dict[int, tuple[str, list[Parameter]]] = {
        part: ("PRODUCT_DEFINITION", ["$", "$", Reference(formation), "$"]),
        formation: ("PRODUCT_DEFINITION_FORMATION", ["$", "$", Reference(product)]),
        product: ("PRODUCT", [name, name, "$", []]),
    }
    return {identifier: Instance(identifier, {keyword: found}) for identifier, (keyword, found) in records.items()}


def _not_read(first: int, count: int) -> InvalidFileFormat:
    return InvalidFileFormat(
        "A shape or unit of the file lies in another file (REFERENCE section), which is not read.",
        details={
            "stage": "scan",
            "reason": "external_instance",
            "section": "REFERENCE",
            "entity": f"#{first}",
            "count": count,
        },
        is_fixed=True,
    )
