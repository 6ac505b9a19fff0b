"""Qualified names of exception types, without parts that differ between runs."""

from __future__ import annotations

import sys
from pathlib import PurePath

from designs.monitoring.untrusted.text import clean_name

__all__ = ["bases_of", "class_named", "name_of", "qualified"]

_MAX_TYPES = 4_096
_SCRIPTS = frozenset({"__main__", "__mp_main__"})
# Renamed in Python 3.13. The old name is the same on all versions.
_RENAMED = {"re.PatternError": "re.error"}
_known: dict[int, tuple[type, str, frozenset[str]]] = {}


def name_of(kind: type) -> str:
    """Return module and qualified name without ``builtins`` and ``<locals>``."""
    return _entry_of(kind)[1]


def bases_of(kind: type) -> frozenset[str]:
    """Return the names of the class and its bases."""
    return _entry_of(kind)[2]


def qualified(module: str, name: str, stem: str = "") -> str:
    """Return the name of a type. For a script, the module is the stem of its file name."""
    name = name.replace("<locals>.", "")
    if module in _SCRIPTS:
        module = stem or PurePath(str(getattr(sys.modules.get(module), "__file__", None) or module)).stem
    full = name if module in {"", "builtins"} else f"{module}.{name}"
    return _RENAMED.get(full, full)


def class_named(module: str, name: str) -> type | None:
    """Return the exception class of this name; None if it is not imported here."""
    found: object = sys.modules.get(module or "builtins")
    try:
        for step in name.split(".")[:8]:
            found = vars(found)[step]
    except (KeyError, TypeError):
        return None
    return found if isinstance(found, type) and issubclass(found, BaseException) else None


def _entry_of(kind: type) -> tuple[type, str, frozenset[str]]:
    # By id, with the class kept alive: the metaclass may break its hash.
    found = _known.get(id(kind))
    if found is None:
        if len(_known) >= _MAX_TYPES:
            _known.clear()
        found = _known[id(kind)] = (kind, _name(kind), frozenset(map(_name, type.__dict__["__mro__"].__get__(kind))))
    return found


def _name(kind: type) -> str:
    try:
        return clean_name(qualified(str(kind.__module__), str(kind.__qualname__)))
    except Exception:  # noqa: BLE001 - a metaclass may do anything
        return "unknown"
