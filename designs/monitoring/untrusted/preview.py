"""Previews of large values in place of their full text: number of items, and the first ones. Pure.

A message is cut to some thousand characters anyway, and formatting a list of millions takes seconds. Only Python's own
containers are inspected: the cost of a text that a custom class produces is unpredictable.
"""

from __future__ import annotations

from array import array
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterable, Mapping
from itertools import islice
from types import MappingProxyType
from typing import cast

from designs.monitoring.untrusted.exceptions import args_of
from designs.monitoring.untrusted.object_text import items_of_proxy, text_of

__all__ = ["outline_of"]

MAX_ITEMS = 10_000
MAX_CHARS = 200_000
"""Limits up to which a value is formatted in full, which takes some milliseconds."""

_FIRST_ITEMS = 100
_ITEM_MAX_CHARS = 1_000

_TEXTS = frozenset({str, bytes, bytearray, array})
_LISTS = frozenset({list, tuple, set, frozenset, deque, type({}.keys()), type({}.values()), type({}.items())})
_DICTS = frozenset({dict, OrderedDict, defaultdict, Counter, MappingProxyType})

# Exceptions with one of these methods have the text of their arguments.
_WRITE_ARGS = (BaseException.__str__, KeyError.__str__, OSError.__str__)


def outline_of(value: object, *, is_repr: bool = False) -> str | None:
    """Return a preview of a large value; None for any other.

    Args:
        value: Any value; the size of an exception is that of its arguments.
        is_repr: Whether ``repr`` would be called, which formats plain strings too.
    """
    kind = type(value)
    if issubclass(kind, BaseException):
        args = args_of(cast("BaseException", value))
        # The common case: one string argument is the whole text.
        if len(args) == 1 and type(args[0]) is str:
            return None
        if not _is_large(args) or type.__getattribute__(kind, "__str__") not in _WRITE_ARGS:
            return None
        return _outline(args[0] if len(args) == 1 else args)
    if (kind is str and not is_repr) or not _is_large(value):
        return None
    return _outline(value)


def _is_large(value: object, max_items: int = MAX_ITEMS, max_chars: int = MAX_CHARS) -> bool:
    waiting = [value]
    items = chars = 0
    while waiting:
        one = waiting.pop()
        if type(one) is MappingProxyType:
            one = items_of_proxy(one, max_items + 1)
        kind = type(one)
        if kind in _TEXTS:
            chars += len(cast("str", one))
        elif kind in _LISTS or kind in _DICTS:
            items += len(cast("list[object]", one))
            if items <= max_items:
                waiting.extend(cast("Iterable[object]", one))
                if kind in _DICTS:
                    waiting.extend(cast("Mapping[object, object]", one).values())
        elif issubclass(kind, BaseException):
            waiting.append(args_of(cast("BaseException", one)))
        if items > max_items or chars > max_chars:
            return True
    return False


def _outline(value: object) -> str:
    kind = type(value)
    if kind in _DICTS:
        shown = items_of_proxy(value, _FIRST_ITEMS) if type(value) is MappingProxyType else value
        pairs = islice(cast("Mapping[object, object]", shown).items(), _FIRST_ITEMS)
        first = [f"{_item(key)}: {_item(item)}" for key, item in pairs]
    elif kind in _LISTS:
        first = [_item(item) for item in islice(cast("Iterable[object]", value), _FIRST_ITEMS)]
    else:
        return _item(value)
    return f"<{kind.__name__} of {len(cast('list[object]', value))}: {', '.join(first)}>"


def _item(value: object) -> str:
    if not _is_large(value, _FIRST_ITEMS, _ITEM_MAX_CHARS):
        return text_of(value, repr)
    kind = type(value)
    if kind in _TEXTS:
        return f"<{kind.__name__} of {len(cast('str', value))}: {cast('str', value)[:_FIRST_ITEMS]!r}>"
    size = f" of {len(cast('list[object]', value))}" if kind in _LISTS or kind in _DICTS else ""
    return f"<{kind.__name__}{size}>"
