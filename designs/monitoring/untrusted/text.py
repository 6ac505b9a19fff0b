"""Text of objects that may be hostile: never raises, always bounded, without input or output."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from designs.monitoring.untrusted.clean_text import MAX_CHARS, clean_name, clean_text, type_name, type_names
from designs.monitoring.untrusted.exceptions import args_of
from designs.monitoring.untrusted.object_text import text_of
from designs.monitoring.untrusted.preview import outline_of

__all__ = ["clean_name", "clean_text", "raw_text", "safe_repr", "safe_str", "type_name", "type_names"]


# Their text is their one argument; these two classes have a slot of their own that does the same.
_PLAIN_TEXTS = frozenset({BaseException.__str__, AttributeError.__str__, NameError.__str__})
_SLOT = type(BaseException.__str__)


def safe_str(value: object, max_chars: int = MAX_CHARS) -> str:
    """Return ``str(value)``, cleaned; a note in its place when the object's own code raises."""
    return clean_text(raw_text(value), max_chars)


def safe_repr(value: object, max_chars: int = MAX_CHARS) -> str:
    """Return ``repr(value)``, cleaned; a note in its place when the object's own code raises."""
    return clean_text(raw_text(value, repr), max_chars)


def raw_text(value: object, convert: Callable[[object], str] = str) -> str:
    """Return ``convert(value)`` as `text_of` does, an outline (see `outline_of`) of a value that would take long."""
    kind = type(value)
    if convert is str and issubclass(kind, BaseException):
        args = args_of(cast("BaseException", value))
        # Most exceptions are made with one text, and it is theirs.
        if len(args) == 1 and type(args[0]) is str and _is_plain_text(kind):
            return args[0]
    outline = outline_of(value, is_repr=convert is repr)
    return text_of(value, convert) if outline is None else outline


def _is_plain_text(kind: type) -> bool:
    text = type.__getattribute__(kind, "__str__")
    return text is BaseException.__str__ or (type(text) is _SLOT and text in _PLAIN_TEXTS)
