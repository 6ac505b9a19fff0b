"""The supported application protocols: AP203, AP214 and AP242 in all editions, by the names that writers use."""

from __future__ import annotations

from typing import Final

from designs.cad.part21.names import decode_text
from designs.cad.part21.tokens import STRING, words
from designs.exceptions import InvalidFileFormat
from designs.patterns import compile_pattern

__all__ = ["accepted_schema"]

# Blanks, hyphens and dots count as underscores here.
_NAMES: Final = compile_pattern(
    r"CONFIG(?:URATION)?_CONTROL(?:LED)?_(?:3D_)?DESIGN\w*+"
    r"|CCD_CLA_GVP_AST\w*+"
    r"|AUTOMOTIVE_DESIGN\w*+"
    r"|(?:MANAGED_)?+MODEL_BASED_3D_ENGINEERING\w*+"
    r"|(?:STEP_)?+AP_?+(?:203|214|242)(?![0-9])\w*+"
    r"|ISO_?+10303_(?:203|214|242)(?![0-9])\w*+"
)
# The modular editions of AP203 and AP242 are parts 403 and 442: { 1 0 10303 442 1 1 4 }, or the same with words.
_OBJECT_IDENTIFIER: Final = compile_pattern(
    r"\{[^{}0-9]{0,64}+(?:1[^{}0-9]{1,16}+0[^{}0-9]{1,32}+)?+10303[^{}0-9]{1,32}+(?:203|403|214|242|442)(?![0-9])"
)
_SEPARATORS: Final = compile_pattern(r"[\s.\-_]++")
_SHOWN_LENGTH: Final = 60


def accepted_schema(statement: bytes) -> str:
    """Return the name of the first supported schema in a ``FILE_SCHEMA`` statement, in capital letters.

    Raises:
        InvalidFileFormat: When the statement names none of them.
    """
    texts = [decode_text(word) for kind, word in words(statement) if kind == STRING]
    names = [_SEPARATORS.sub("_", text.split("{")[0].upper()).strip("_") for text in texts]
    for text, name in zip(texts, names, strict=True):
        if _NAMES.fullmatch(name) or _OBJECT_IDENTIFIER.search(text):
            return name or "UNNAMED"
    raise InvalidFileFormat(
        "Only STEP files of AP203, AP214 and AP242 are read.",
        details={"stage": "scan", "reason": "schema", "schema": names[0][:_SHOWN_LENGTH] if names else "none"},
    )
