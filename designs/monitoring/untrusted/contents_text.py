"""Text of an object from its fields and items, without running code of its class. Pure.

It replaces an object's own text if that would query the database or read a file; for lazy objects of Django, always.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from types import FunctionType, MemberDescriptorType, MethodType
from typing import Any, ClassVar, cast

from django.db.models import Model, QuerySet
from django.db.models.query import RawQuerySet
from django.utils.functional import LazyObject, empty

from designs.monitoring.secret_text.redact import redact_text
from designs.monitoring.untrusted.clean_text import type_name
from designs.monitoring.untrusted.exceptions import args_of
from designs.monitoring.untrusted.plain_values import is_plain

__all__ = ["is_lazy", "structure_of"]

MAX_ITEMS = 10
MAX_DEPTH = 4
MAX_CHARS = 4_096
_ITEM_MAX_CHARS = 200
_OVERLAP_CHARS = 4_096

_LAZY = (Model, QuerySet, RawQuerySet, LazyObject)


def is_lazy(kind: type) -> bool:
    """Return whether the text of objects of this class may query the database, so it is never requested."""
    return issubclass(kind, _LAZY)


def structure_of(value: object, *, is_repr: bool = True) -> str:
    """Return a bounded text for any object, from its fields and items.

    Args:
        value: Anything.
        is_repr: Whether ``repr`` was requested; the ``str`` of an exception is that of its arguments.
    """
    walk = _Walk()
    if not is_repr and issubclass(type(value), BaseException):
        args = args_of(cast("BaseException", value))
        return walk.text(args[0] if len(args) == 1 else args, 0)
    return walk.text(value, 0)


class _Walk:
    """One bounded walk over an object."""

    def __init__(self) -> None:
        self.left = MAX_CHARS

    def text(self, value: object, depth: int) -> str:
        text = self._text(value, depth)
        self.left -= len(text)
        return text

    def _text(self, value: object, depth: int) -> str:
        kind = type(value)
        if self.left <= 0 or depth > MAX_DEPTH:
            return f"<{type_name(value)}>"
        try:
            if is_plain(value, MAX_ITEMS):
                return _cut(repr(value))
            for base, write in self.writers.items():
                if issubclass(kind, base):
                    return write(self, value, depth)
            fields = _fields(value)
            return self._named(f"<{type_name(value)}", fields, depth, before=" ", after=">")
        except Exception:  # noqa: BLE001 - classes may run any code here
            return f"<{type_name(value)}>"

    def _named(
        self, start: str, fields: Iterable[tuple[str, object]], depth: int, *, before: str = "", after: str = ")"
    ) -> str:
        parts = [f"{name}={self.text(item, depth + 1)}" for name, item in islice(fields, MAX_ITEMS)]
        return f"{start}{before if parts else ''}{', '.join(parts)}{after}"

    def _model(self, value: Any, depth: int) -> str:
        facts = object.__getattribute__(value, "__dict__")
        keys = [facts.get(field.attname) for field in type(value)._meta.pk_fields]  # noqa: SLF001 - documented
        text = ", ".join(str(key) if is_plain(key) else self.text(key, depth + 1) for key in keys)
        return f"<{type_name(value)} {_cut(text)}>"

    def _query(self, value: Any, depth: int) -> str:
        model = object.__getattribute__(value, "__dict__").get("model")
        return f"<{type(value).__name__} of {model.__name__}>"

    def _lazy(self, value: Any, depth: int) -> str:
        # No public API returns whether it has been resolved.
        wrapped = object.__getattribute__(value, "__dict__").get("_wrapped", empty)
        return f"<{type_name(value)}>" if wrapped is empty else self._text(wrapped, depth)

    def _exception(self, value: Any, depth: int) -> str:
        args = islice(args_of(value), MAX_ITEMS)
        return f"{type(value).__name__}({', '.join(self.text(arg, depth + 1) for arg in args)})"

    def _method(self, value: Any, depth: int) -> str:
        function = value.__func__
        name = function.__qualname__ if type(function) is FunctionType else type_name(function)
        return f"<bound method {name}>"

    def _partial(self, value: Any, depth: int) -> str:
        parts = [self.text(item, depth + 1) for item in islice((value.func, *value.args), MAX_ITEMS)]
        parts += [f"{name}={self.text(item, depth + 1)}" for name, item in islice(value.keywords.items(), MAX_ITEMS)]
        return f"functools.partial({', '.join(parts)})"

    def _items(self, items: Iterator[object], size: int, depth: int) -> str:
        parts = [self.text(item, depth + 1) for item in islice(items, MAX_ITEMS)]
        return ", ".join([*parts, f"... {size - MAX_ITEMS} more"] if size > MAX_ITEMS else parts)

    def _list(self, value: Any, depth: int) -> str:
        return f"[{self._items(list.__iter__(value), list.__len__(value), depth)}]"

    def _deque(self, value: Any, depth: int) -> str:
        return f"deque([{self._items(deque.__iter__(value), deque.__len__(value), depth)}])"

    def _tuple(self, value: Any, depth: int) -> str:
        names = type.__getattribute__(type(value), "__dict__").get("_fields")
        if type(names) is tuple:
            pairs = zip(names, tuple.__iter__(value), strict=False)
            return self._named(f"{type(value).__name__}(", pairs, depth)
        size = tuple.__len__(value)
        return f"({self._items(tuple.__iter__(value), size, depth)}{',' if size == 1 else ''})"

    def _set(self, value: Any, depth: int) -> str:
        base = set if issubclass(type(value), set) else frozenset
        return f"{{{self._items(base.__iter__(value), base.__len__(value), depth)}}}"

    def _dict(self, value: Any, depth: int) -> str:
        pairs = islice(dict.items(value), MAX_ITEMS)
        parts = [f"{self.text(key, depth + 1)}: {self.text(item, depth + 1)}" for key, item in pairs]
        size = dict.__len__(value)
        return f"{{{', '.join([*parts, f'... {size - MAX_ITEMS} more'] if size > MAX_ITEMS else parts)}}}"

    writers: ClassVar[dict[type | tuple[type, ...], Callable[[Any, Any, int], str]]] = {
        LazyObject: _lazy,
        Model: _model,
        (QuerySet, RawQuerySet): _query,
        BaseException: _exception,
        MethodType: _method,
        partial: _partial,
        list: _list,
        deque: _deque,
        tuple: _tuple,
        (set, frozenset): _set,
        dict: _dict,
    }


def _fields(value: object) -> Iterator[tuple[str, object]]:
    """Return the public fields of an instance, from its dictionary and its slots."""
    kind = type(value)
    try:
        facts = object.__getattribute__(value, "__dict__")
    except AttributeError:
        facts = {}
    if type(facts) is dict:
        yield from ((name, item) for name, item in list(facts.items()) if type(name) is str and name[:1] != "_")
    for base in type.__getattribute__(kind, "__mro__"):
        for name, member in list(type.__getattribute__(base, "__dict__").items()):
            if type(member) is MemberDescriptorType and name[:1] != "_":
                try:
                    yield name, member.__get__(value, kind)
                except AttributeError:
                    # The slot is empty.
                    continue


def _cut(text: str) -> str:
    if len(text) <= _ITEM_MAX_CHARS:
        return text
    # Redacted before the cut: a token that is cut has no recognizable shape.
    return f"{redact_text(text[: _ITEM_MAX_CHARS + _OVERLAP_CHARS])[:_ITEM_MAX_CHARS]}..."
