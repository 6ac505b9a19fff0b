"""Text of foreign objects: never raises, always bounded, without I/O."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from designs.monitoring.untrusted.clean_text import MAX_CHARS, clean_name, clean_text, type_name, type_names
from designs.monitoring.untrusted.exceptions import args_of
from designs.monitoring.untrusted.object_text import text_of
from designs.monitoring.untrusted.preview import outline_of

__all__ = ["clean_name", "clean_text", "raw_text", "safe_repr", "safe_str", "type_name", "type_names"]


# The text of these exceptions is their one argument. The last two classes define their own slot, with the same result.
_PLAIN_TEXTS = frozenset({BaseException.__str__, AttributeError.__str__, NameError.__str__})
_SLOT = type(BaseException.__str__)


def safe_str(value: object, max_chars: int = MAX_CHARS) -> str:
    """Return ``str(value)``, cleaned; a note if the object's code raises."""
    return clean_text(raw_text(value), max_chars)


def safe_repr(value: object, max_chars: int = MAX_CHARS) -> str:
    """Return ``repr(value)``, cleaned; a note if the object's code raises."""
    return clean_text(raw_text(value, repr), max_chars)


def raw_text(value: object, convert: Callable[[object], str] = str) -> str:
    """Return ``convert(value)`` as `text_of` does; for a large value, its outline (see `outline_of`)."""
    kind = type(value)
    if convert is str and issubclass(kind, BaseException):
        args = args_of(cast("BaseException", value))
        # Most exceptions have one argument, a text, and it is their text.
        if len(args) == 1 and type(args[0]) is str and _is_plain_text(kind):
            return args[0]
    outline = outline_of(value, is_repr=convert is repr)
    return text_of(value, convert) if outline is None else outline


def _is_plain_text(kind: type) -> bool:
    text = type.__getattribute__(kind, "__str__")
    return text is BaseException.__str__ or (type(text) is _SLOT and text in _PLAIN_TEXTS)
