"""Lenient, bounded reads of JSON values, which convert between types where possible. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from designs.monitoring.untrusted.contents_text import structure_of

__all__ = ["as_dict", "as_list", "as_text", "fact_of", "items_of"]

_MAX_CHARS = 10_000
_MAX_INDEXES = 20_000
_MAX_LEVELS = 3
_MAX_TAGS = 1_000


def as_dict(value: object) -> dict[str, Any]:
    """Return an object, empty for anything else."""
    if type(value) is dict:
        return value
    # A subclass may run its own code; a plain copy does not.
    return dict(dict.items(value)) if issubclass(type(value), dict) else {}  # type: ignore[arg-type]


def as_list(value: object) -> list[Any]:
    """Return a list, also from an object of indexes, as PHP writes it; empty for anything else."""
    if type(value) is list:
        return value
    if issubclass(type(value), list | tuple):
        return list(cast("list[Any]", value))
    return [item for _, item in sorted(_indexed(as_dict(value)))] if value else []


def items_of(value: object, *names: str) -> list[Any]:
    """Return the items of a list, of the first list under one of the names, or a single value; nulls are skipped."""
    for _ in range(_MAX_LEVELS):
        holder = as_dict(value)
        named = next((holder[name] for name in names if holder.get(name)), None)
        if named is None:
            break
        value = named
    found = as_list(value)
    if not found and value not in (None, "", False) and not isinstance(value, list | tuple):
        found = [value]
    return [item for item in found if item is not None and item != {}]


def as_text(value: object) -> str:
    """Return a value as text of at most 10,000 characters; null is an empty text."""
    if type(value) is str:
        return value if len(value) <= _MAX_CHARS else value[:_MAX_CHARS]
    if issubclass(type(value), str):
        return str.__getitem__(cast("str", value), slice(0, _MAX_CHARS))
    if value is None:
        return ""
    if type(value) in {int, float, bool}:
        # The conversion of an integer of a million digits is slow.
        return str(value) if type(value) is not int or value.bit_length() < _MAX_CHARS else "a huge number"
    return structure_of(value) if value not in ({}, [], ()) else ""


def fact_of(event: dict[str, Any], name: str) -> str:
    """Return an attribute of an event, else the tag of this name. Tags are an object or a list of pairs."""
    tags = event.get("tags")
    if found := as_text(event.get(name)) or as_text(as_dict(tags).get(name)):
        return found
    for tag in as_list(tags)[:_MAX_TAGS]:
        named = as_dict(tag)
        pair = [named.get("key"), named.get("value")] if named else as_list(tag)
        if len(pair) == 2 and pair[0] == name:
            return as_text(pair[1])
    return ""


def _indexed(value: dict[str, Any]) -> Iterator[tuple[tuple[int, int], Any]]:
    if len(value) <= _MAX_INDEXES and all(type(key) is str and key.isdecimal() and len(key) < 7 for key in value):
        # The second number prevents a comparison of two items of one index ("1", "01").
        yield from (((int(key), place), item) for place, (key, item) in enumerate(value.items()))
