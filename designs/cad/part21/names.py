"""The text in a Part 21 string (ISO 10303-21, clause 6.4.3): escapes resolved, made safe to show."""

from __future__ import annotations

import re
import unicodedata

from designs.cad.part21.encodings import UTF_8, Encoding
from designs.patterns import compile_pattern

__all__ = ["NAME_LENGTH", "decode_text"]

NAME_LENGTH = 200
"""Longest name kept, in characters."""

# Control characters have no meaning in a file: line breaks may occur within a text and within an escape.
_IGNORED = b"\n\v\f\r"
_ESCAPE = compile_pattern(
    r"''|\\\\"
    r"|\\(?P<print>[NF])\\"
    r"|\\P(?P<page>[A-I])\\"
    # An apostrophe is doubled here as well.
    r"|\\S\\(?P<shifted>''|.)"
    r"|\\X\\(?P<byte>[0-9A-Fa-f]{2})"
    # Some writers omit the end.
    r"|\\X2\\(?P<two>(?:[0-9A-Fa-f]{4})++)(?:\\X0\\)?+"
    r"|\\X4\\(?P<four>(?:[0-9A-Fa-f]{8})++)(?:\\X0\\)?+"
    r"|(?P<nothing>\\X[24]\\\\X0\\)",
    re.DOTALL,
)
_SURROGATES = re.compile("[\ud800-\udfff]")


def decode_text(literal: bytes, encoding: Encoding = UTF_8) -> str:
    """Return the text of a quoted literal: no control or formatting characters, `NAME_LENGTH` at most.

    Malformed escapes stay unchanged. Bytes above 127, which the standard forbids before its third edition but exporters
    write, are decoded by ``encoding``.
    """
    text = encoding.decoded(literal[1:-1].translate(None, _IGNORED))
    page = "1"

    def resolved(match: re.Match[str]) -> str:
        nonlocal page
        if match["page"]:
            page = str(ord(match["page"]) - ord("A") + 1)
            return ""
        return _resolved(match, page)

    return _shown(_with_pairs(_ESCAPE.sub(resolved, text)))


def _resolved(match: re.Match[str], page: str) -> str:
    if match["shifted"]:
        shifted = (ord(match["shifted"][0]) & 0x7F) | 0x80
        return bytes([shifted]).decode(f"iso8859-{page}", "replace")
    if match["byte"]:
        return bytes.fromhex(match["byte"]).decode("latin-1")
    if match["two"]:
        return bytes.fromhex(match["two"]).decode("utf-16-be", "surrogatepass")
    if match["four"]:
        return "".join(_character(match["four"][at : at + 8]) for at in range(0, len(match["four"]), 8))
    return "" if match["print"] or match["nothing"] else match[0][0]


def _character(digits: str) -> str:
    code = int(digits, 16)
    return chr(code) if code < 0x110000 else "\ufffd"


def _with_pairs(text: str) -> str:
    """Join surrogate pairs, whose halves may be in two escapes; a single half is no character."""
    if not _SURROGATES.search(text):
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _shown(text: str) -> str:
    kept = (" " if character == "\t" else character for character in text)
    visible = "".join(character for character in kept if unicodedata.category(character) not in {"Cc", "Cf", "Cs"})
    return visible.strip()[:NAME_LENGTH]
