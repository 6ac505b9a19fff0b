"""The text in a Part 21 string (ISO 10303-21, clause 6.4.3): escapes resolved, made safe to show."""

from __future__ import annotations

import re
import unicodedata

from designs.patterns import compile_pattern

__all__ = ["NAME_LENGTH", "decode_text"]

NAME_LENGTH = 200
"""Longest name kept, in characters."""

_ESCAPE = compile_pattern(
    r"''|\\\\"
    r"|\\P(?P<page>[A-I])\\"
    r"|\\S\\(?P<shifted>.)"
    r"|\\X\\(?P<byte>[0-9A-Fa-f]{2})"
    r"|\\X2\\(?P<two>(?:[0-9A-Fa-f]{4})*+)\\X0\\"
    r"|\\X4\\(?P<four>(?:[0-9A-Fa-f]{8})*+)\\X0\\",
    re.DOTALL,
)


def decode_text(literal: bytes) -> str:
    """Return the text of a quoted literal: no control or formatting characters, `NAME_LENGTH` at most.

    An escape that is not well formed stays as it is written. Bytes above 127, which the standard does not
    allow but exporters write, are read as UTF-8 when they are that, else as Latin-1.
    """
    body = literal[1:-1]
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        text = body.decode("latin-1")
    page = "1"

    def resolved(match: re.Match[str]) -> str:
        nonlocal page
        if match["page"]:
            page = str(ord(match["page"]) - ord("A") + 1)
            return ""
        return _resolved(match, page)

    return _shown(_ESCAPE.sub(resolved, text))


def _resolved(match: re.Match[str], page: str) -> str:
    if match["shifted"]:
        shifted = (ord(match["shifted"]) & 0x7F) | 0x80
        return bytes([shifted]).decode(f"iso8859-{page}", "replace")
    if match["byte"]:
        return bytes.fromhex(match["byte"]).decode("latin-1")
    if match["two"] is not None:
        return bytes.fromhex(match["two"]).decode("utf-16-be", "replace")
    if match["four"] is not None:
        return bytes.fromhex(match["four"]).decode("utf-32-be", "replace")
    return match[0][0]


def _shown(text: str) -> str:
    kept = (" " if character == "\t" else character for character in text)
    visible = "".join(character for character in kept if unicodedata.category(character) not in {"Cc", "Cf", "Cs"})
    return visible.strip()[:NAME_LENGTH]
