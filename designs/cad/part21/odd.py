"""Valid words that the kernel's lexer does not read, and their equivalents that it reads."""

from __future__ import annotations

import math
from typing import Final

from designs.cad.part21.tokens import (
    FILLER,
    KEYWORD,
    LINE_ENDS,
    ODD_STRING,
    ODD_VALUE,
    REFERENCE,
    STRING,
    in_upper_case,
)
from designs.patterns import compile_pattern

__all__ = ["EQUALS_BEHIND", "MAX_KERNEL_ID", "is_plain", "plain_word"]

MAX_KERNEL_ID: Final = 2**31 - 1
"""Largest identifier that the kernel can store."""

EQUALS_BEHIND: Final = compile_pattern(rb"[ \t]*+=")
"""Text behind the identifier that the kernel reads as the equals sign of a definition."""

_ROOM: Final = 8_000
# The kernel takes an apostrophe before a comma or parenthesis for the end of the text, even if it is doubled.
_LOOKS_ENDED: Final = compile_pattern(rb"''[\t-\r ]*+[,)]")
# The kernel allows no comment directly behind these.
_NO_COMMENT_AFTER: Final = frozenset({REFERENCE, KEYWORD, STRING})
_EXPONENT: Final = compile_pattern(rb"([-+]?+[0-9]++)([eE][-+]?+[0-9]++)")


def is_plain(kind: int, word: bytes, previous: int) -> bool:
    """Return whether the kernel reads an odd word unchanged, after a word of kind ``previous``."""
    if kind == FILLER:
        return word.startswith(b"/*") and len(word) < _ROOM and previous not in _NO_COMMENT_AFTER
    return kind == ODD_STRING and len(word) < _ROOM and not _LOOKS_ENDED.search(word, 1, len(word) - 1)


def plain_word(kind: int, word: bytes) -> bytes:
    """Return an odd word in the form that the kernel reads."""
    if kind == ODD_STRING:
        return _plain_text(word)
    if kind == ODD_VALUE:
        return _plain_value(word.translate(None, LINE_ENDS))
    return in_upper_case(word)


def _plain_text(word: bytes) -> bytes:
    r"""Return the text with ``\\X\\27`` for apostrophes; cut, since no geometry depends on it."""
    body = word[1:-1].replace(b"''", b"\\X\\27")
    return b"'%b'" % body[: _ROOM // 2]


def _plain_value(word: bytes) -> bytes:
    word = word.upper() if word[:1] == b'"' else in_upper_case(word)
    if exponent := _EXPONENT.fullmatch(word):
        word = b"%b.%b" % exponent.groups()
    if len(word) > _ROOM and word[:1] not in b'."':
        value = float(word)
        return repr(value).upper().encode() if math.isfinite(value) else word
    return word
