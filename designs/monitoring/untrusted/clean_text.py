"""Clean-up of text and names: no control characters, bounded length. Pure."""

from __future__ import annotations

__all__ = ["clean_name", "clean_text", "type_name", "type_names"]

MAX_CHARS = 8_192
MAX_NAME_CHARS = 300
# Invisible characters that reorder text or end strings: NUL, C0/C1 controls except tab and newline, bidi marks.
_STRIPPED = dict.fromkeys(
    (
        *(code for code in range(0x20) if code not in (0x09, 0x0A)),
        *range(0x7F, 0xA0),
        *range(0x200E, 0x2010),
        *range(0x202A, 0x202F),
        *range(0x2066, 0x206A),
        0xFEFF,
    )
)
_LINES = {0x09: " ", 0x0A: " "}


def clean_text(text: str, max_chars: int = MAX_CHARS) -> str:
    """Cut to the limit, replace lone surrogates, drop control and bidirectional characters."""
    cut = str.__getitem__(text, slice(0, max_chars))
    if cut.isascii() and cut.isprintable():
        # The common case: there is nothing to replace.
        whole = cut
    else:
        whole = cut.encode("utf-8", "replace").decode("utf-8").translate(_STRIPPED)
    return whole if str.__len__(text) <= max_chars else f"{whole}... [{str.__len__(text)} characters]"


def type_name(value: object) -> str:
    """Return the qualified type name, cleaned and bounded; ``builtins`` is left out."""
    kind = type(value)
    try:
        module, name = str(kind.__module__), str(kind.__qualname__)
    except Exception:  # noqa: BLE001 - a metaclass may do anything
        return "unknown"
    return clean_name(name if module == "builtins" else f"{module}.{name}")


def type_names(value: object) -> tuple[str, str]:
    """Return the type's module and its bare name, cleaned and bounded."""
    kind = type(value)
    try:
        return clean_name(str(kind.__module__)), clean_name(str(kind.__name__))
    except Exception:  # noqa: BLE001 - a metaclass may do anything
        return "", "unknown"


def clean_name(name: str) -> str:
    """Return a name that is safe to store. Most names already are, but a name may hold arbitrary text."""
    if len(name) <= MAX_NAME_CHARS and name.isascii() and name.isprintable():
        return name
    return clean_text(name[:MAX_NAME_CHARS], MAX_NAME_CHARS).translate(_LINES)
