"""The text of foreign objects: their own where it needs no input or output, else what they hold."""

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

# What Python's own formatting and the Sentry SDK ask an exception for, beside its text.
_READ_BY_OTHERS = ("__notes__", "message", "detail")
_DESCRIPTORS = (GetSetDescriptorType, MemberDescriptorType)


def text_of(value: object, convert: Callable[[object], str] = str) -> str:
    """Return ``convert(value)``; what the value holds where that would need input or output; a note where it raises.

    No query, connection or file is used, whatever the classes of the value and of what it holds do.
    """
    is_own = is_plain(value)
    if not is_own and is_lazy(type(value)):
        return structure_of(value)
    try:
        return _own_text(value, convert) if is_own else _guarded_text(value, convert)
    except REFUSED:
        return structure_of(value, is_repr=convert is repr)
    except BaseException as error:
        # The object's code is not ours; it may even exit.
        if is_stop(error):
            raise
        return f"<{type_name(value)}: {convert.__name__}() raised {type(error).__name__}>"


def needs_io(exc: BaseException) -> bool:
    """Return whether the exception's text, or an attribute that others read, needs input or output."""
    if is_plain(exc) and _reads_plainly(exc):
        return False
    try:
        with refusing_io():
            str(exc)
            for name in _READ_BY_OTHERS:
                str(getattr(exc, name, None) or "")
    except REFUSED:
        return True
    except Exception:  # noqa: BLE001 - one that raises needs none
        return False
    except BaseException as error:
        if is_stop(error):
            raise
        # Others catch `Exception` only: they must not ask for it.
        return True
    return False


def attribute_of(value: object, name: str) -> Any:
    """Return an attribute; None where there is none, where its code raises or needs input or output."""
    kind = type(value)
    if issubclass(kind, BaseException) and _is_stored(kind, name):
        # As most are: no code runs, and no guard is needed.
        return dict.get(attributes_of(cast("BaseException", value)), name)
    try:
        with refusing_io():
            return getattr(value, name, None)
    except REFUSED:
        return None
    except BaseException as error:
        # Attributes may be code.
        if is_stop(error):
            raise
        return None


def items_of_proxy(proxy: MappingProxyType[Any, Any], most: int) -> dict[object, object]:
    """Return the first items of what a proxy shows; none where that is a mapping whose code needs input or output."""
    try:
        with refusing_io():
            return dict(islice(proxy.items(), most))
    except REFUSED:
        return {}
    except BaseException as error:
        # The mapping's code is not ours.
        if is_stop(error):
            raise
        return {}


def _reads_plainly(exc: BaseException) -> bool:
    """Return whether what others read of an exception is there without running foreign code."""
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
    """Return for each attribute that others read whether it can only be in the instance's dictionary, or plain."""
    return tuple((name, _is_stored(kind, name) or _is_plain_of(kind, name)) for name in _READ_BY_OTHERS)


def _is_plain_of(kind: type, name: str) -> bool:
    """Return whether a class gives an attribute as a plain value or a slot, and has no code for missing ones."""
    if not _is_stored(kind, ""):
        return False
    for base in type.__getattribute__(kind, "__mro__"):
        names = type.__getattribute__(base, "__dict__")
        if name in names:
            return is_plain(names[name]) or type(names[name]) in _DESCRIPTORS
    return False


def _is_stored(kind: type, name: str) -> bool:
    """Return whether an attribute can only be in the instance's dictionary."""
    # A metaclass may hash as it likes.
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
"""Each recorded failure asks the same of its class: a twentieth of its time."""


def _own_text(value: object, convert: Callable[[object], str]) -> str:
    # A subclass of str may be what foreign code returns.
    return str.__getitem__(convert(value), slice(None))


def _guarded_text(value: object, convert: Callable[[object], str]) -> str:
    with refusing_io():
        return str.__getitem__(convert(value), slice(None))
