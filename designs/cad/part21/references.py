"""Dangling references by origin: units, product structure, or other instances."""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import Final

from designs.cad.part21.tokens import KEYWORD, REFERENCE, SEMICOLON, words

__all__ = ["PRODUCTS", "UNITS", "missing_by_user", "references_by_instance"]

UNITS: Final = re.compile(rb"\w*UNIT(?:_WITH_OFFSET)?|DIMENSIONAL_EXPONENTS|GLOBAL_UNIT_ASSIGNED_CONTEXT")
PRODUCTS: Final = re.compile(
    rb"PRODUCT|PRODUCT_DEFINITION(?:_FORMATION\w*|_WITH_ASSOCIATED_DOCUMENTS|_RELATIONSHIP|_SHAPE|_USAGE)?"
    rb"|PRODUCT_RELATED_PRODUCT_CATEGORY|\w*PRODUCT_DEFINITION_REFERENCE\w*"
    rb"|\w+_USAGE_OCCURRENCE|\w+_COMPONENT_USAGE\w*|MAKE_FROM_USAGE_OPTION"
)


def missing_by_user(data: bytes, missing: AbstractSet[int]) -> tuple[set[int], set[int], set[int]]:
    """Return the missing identifiers that units refer to, those that products refer to, and all others."""
    units, products = set[int](), set[int]()
    for keywords, targets in references_by_instance(data) if missing else ():
        lost = targets & missing
        if lost and any(UNITS.fullmatch(keyword) for keyword in keywords):
            units |= lost
        if lost and any(PRODUCTS.fullmatch(keyword) for keyword in keywords):
            products |= lost
    return units, products, set(missing) - units - products


def references_by_instance(data: bytes) -> Iterator[tuple[set[bytes], set[int]]]:
    """Yield (keywords, targets) of each instance that refers to others; a complex instance has several keywords."""
    keywords: set[bytes] = set()
    targets: set[int] = set()
    for kind, word in words(data):
        if kind == SEMICOLON:
            if targets:
                yield keywords, targets
            keywords, targets = set(), set()
        elif kind == KEYWORD:
            keywords.add(word)
        elif kind == REFERENCE:
            targets.add(int(word))
