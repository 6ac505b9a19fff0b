"""Parents and children among the exceptions of an event, by the ids in their mechanisms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from designs.monitoring.fingerprint.event_values import as_text

__all__ = ["children_of", "has_ids", "order_of"]

_CAUSES = frozenset({"__cause__", "__context__"})


def has_ids(mechanisms: Sequence[dict[str, Any]]) -> bool:
    """Return whether any exception has an id."""
    return any(mechanism.get("exception_id") is not None for mechanism in mechanisms)


def order_of(mechanisms: Sequence[dict[str, Any]]) -> list[int]:
    """Return the places in the order of the ids, outermost exception first; as listed if ids are missing."""
    idents = {place: mechanism.get("exception_id") for place, mechanism in enumerate(mechanisms)}
    numbers = {place: ident for place, ident in idents.items() if type(ident) is int}
    return sorted(idents, key=numbers.__getitem__) if len(numbers) == len(idents) else list(idents)


def children_of(mechanisms: Sequence[dict[str, Any]]) -> dict[int, list[int]] | None:
    """Return the places of the children of each exception; None if the ids do not form a tree below the first.

    Args:
        mechanisms: The mechanisms of the exceptions, outermost first.
    """
    places = _places(mechanisms)
    if places is None or _parent(mechanisms[0]) in places:
        # The outermost exception has a parent in the event, so the ids form a circle.
        return None
    children: dict[int, list[int]] = {}
    for place, mechanism in enumerate(mechanisms[1:], 1):
        parent = places.get(_parent(mechanism), place)
        if parent >= place:
            # The parent is unknown, the exception itself or below it.
            return None
        children.setdefault(parent, []).append(place)
    return children


def _places(mechanisms: Sequence[dict[str, Any]]) -> dict[int, int] | None:
    places: dict[int, int] = {}
    for place, mechanism in enumerate(mechanisms):
        ident = mechanism.get("exception_id")
        if type(ident) is not int or ident in places:
            return None
        places[ident] = place
    return places


def _parent(mechanism: dict[str, Any]) -> int:
    ident, parent = mechanism["exception_id"], mechanism.get("parent_id")
    if as_text(mechanism.get("source")) in _CAUSES and parent in (None, 0):
        # The Python SDK writes 0 as the parent of each cause. The parent is the exception directly before it.
        return int(ident) - 1
    return parent if type(parent) is int else -1
