"""Text and attributes of foreign objects, read without I/O: their own text, or a description of their structure."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import islice
from types import GetSetDescriptorType, MappingProxyType, MemberDescriptorType
from typing import Any, cast

from designs.monitoring.untrusted.clean_text import type_name
from designs.monitoring.untrusted.contents_text import is_lazy, structure_of
from designs.monitoring.untrusted.exceptions import attributes_of
from designs.monitoring.untrusted.no_io import REFUSED, refusing_io
from designs.monitoring.untrusted.plain_values import is_plain
from designs.monitoring.untrusted.stop_exceptions import is_stop

__all__ = ["attribute_of", "items_of_proxy", "needs_io", "text_of"]

# Attributes of an exception that Python's formatting and the Sentry SDK read, beside its text.
_READ_BY_OTHERS = ("__notes__", "message", "detail")
_DESCRIPTORS = (GetSetDescriptorType, MemberDescriptorType)


def text_of(value: object, convert: Callable[[object], str] = str) -> str:
    """Return ``convert(value)``; the value's structure if that would need I/O; a note if it raises.

    No query, connection or file is used, whatever code the classes of the value and its contents contain.
    """
    is_own = is_plain(value)
    if not is_own and is_lazy(type(value)):
        return structure_of(value)
    try:
        return _own_text(value, convert) if is_own else _guarded_text(value, convert)
    except REFUSED:
        return structure_of(value, is_repr=convert is repr)
    except BaseException as error:
        # Foreign code may raise anything, even SystemExit.
        if is_stop(error):
            raise
        return f"<{type_name(value)}: {convert.__name__}() raised {type(error).__name__}>"


def needs_io(exc: BaseException) -> bool:
    """Return whether the exception's text, or an attribute in `_READ_BY_OTHERS`, needs I/O."""
    if is_plain(exc) and _reads_plainly(exc):
        return False
    try:
        with refusing_io():
            str(exc)
            for name in _READ_BY_OTHERS:
                str(getattr(exc, name, None) or "")
    except REFUSED:
        return True
    except Exception:  # noqa: BLE001 - code that raises needs no I/O
        return False
    except BaseException as error:
        if is_stop(error):
            raise
        # Other readers catch only `Exception`: they must not read this text.
        return True
    return False


def attribute_of(value: object, name: str) -> Any:
    """Return an attribute; None if it is missing, or if its code raises or needs I/O."""
    kind = type(value)
    if issubclass(kind, BaseException) and _is_stored(kind, name):
        # The common case: no code runs, so no guard is needed.
        return dict.get(attributes_of(cast("BaseException", value)), name)
    try:
        with refusing_io():
            return getattr(value, name, None)
    except REFUSED:
        return None
    except BaseException as error:
        # A property may raise anything.
        if is_stop(error):
            raise
        return None


def items_of_proxy(proxy: MappingProxyType[Any, Any], most: int) -> dict[object, object]:
    """Return the first items of a proxy's mapping; none if the mapping's code raises or needs I/O."""
    try:
        with refusing_io():
            return dict(islice(proxy.items(), most))
    except REFUSED:
        return {}
    except BaseException as error:
        # A foreign mapping may raise anything.
        if is_stop(error):
            raise
        return {}


def _reads_plainly(exc: BaseException) -> bool:
    """Return whether the attributes in `_READ_BY_OTHERS` can be read without running foreign code."""
    held = attributes_of(exc)
    for name, stored in _plain_attributes(cast("type", type(exc))):
        if not stored:
            return False
        value = dict.get(held, name)
        if not (value is None or is_plain(value) or type(value).__str__ is str.__str__):
            return False
    return True


@lru_cache(maxsize=512)
def _plain_attributes(kind: type) -> tuple[tuple[str, bool], ...]:
    """Return each name in `_READ_BY_OTHERS`, and whether it is only in the instance's dictionary or plain."""
    return tuple((name, _is_stored(kind, name) or _is_plain_of(kind, name)) for name in _READ_BY_OTHERS)


def _is_plain_of(kind: type, name: str) -> bool:
    """Return whether a class defines an attribute as a plain value or a slot, and has no code for missing ones."""
    if not _is_stored(kind, ""):
        return False
    for base in type.__getattribute__(kind, "__mro__"):
        names = type.__getattribute__(base, "__dict__")
        if name in names:
            return is_plain(names[name]) or type(names[name]) in _DESCRIPTORS
    return False


def _is_stored(kind: type, name: str) -> bool:
    """Return whether an attribute can only be in the instance's dictionary."""
    # A metaclass may define its own hash, so its classes are not cached.
    return _is_stored_of_type(kind, name) if type(kind) is type else _looks_stored(kind, name)


def _looks_stored(kind: type, name: str) -> bool:
    for base in type.__getattribute__(kind, "__mro__"):
        names = type.__getattribute__(base, "__dict__")
        if name in names or "__getattr__" in names:
            return False
        if "__getattribute__" in names and base is not object and base is not BaseException:
            return False
    return True


_is_stored_of_type = lru_cache(maxsize=1_024)(_looks_stored)
"""Cached per class: without the cache, this is a twentieth of the time to record a failure."""


def _own_text(value: object, convert: Callable[[object], str]) -> str:
    # Foreign code may return a subclass of str.
    return str.__getitem__(convert(value), slice(None))


def _guarded_text(value: object, convert: Callable[[object], str]) -> str:
    with refusing_io():
        return str.__getitem__(convert(value), slice(None))
