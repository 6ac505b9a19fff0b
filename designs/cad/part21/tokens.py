"""Lexer of Part 21 files (ISO 10303-21, clause 6): kinds of words and their allowed order.

It takes one pass with one match per word. Every quantifier below is possessive, so a match never backtracks. Some
alternative matches at every position, so a search never starts over. An unterminated string or a megabyte of
blanks at the end of a file costs no extra time.

Words in the usual spelling come first and have their own kinds, so that the scan loses no time on rare forms.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from designs.patterns import compile_pattern

__all__ = [
    "CLOSE", "COMMA", "END", "EQUALS", "FILLER", "FOLLOWERS", "GARBAGE", "KEYWORD", "LINE_ENDS", "ODD_KEYWORD",
    "ODD_STRING", "ODD_VALUE", "OPEN", "PLAIN_KIND", "REFERENCE", "SEMICOLON", "STRING", "TOKEN", "VALUE",
    "in_upper_case", "without_line_ends", "words",
]  # fmt: skip

# The numbers of the groups in TOKEN; `match.lastindex` is the kind of a word.
REFERENCE: Final = 1
OPEN: Final = 2
CLOSE: Final = 3
COMMA: Final = 4
VALUE: Final = 5
STRING: Final = 6
KEYWORD: Final = 7
SEMICOLON: Final = 8
EQUALS: Final = 9
# The scan inspects the kinds from here on. Odd words have a form that the kernel may not read.
ODD_VALUE: Final = 10
ODD_STRING: Final = 11
ODD_KEYWORD: Final = 12
FILLER: Final = 13
GARBAGE: Final = 14
END: Final = 15

# The lengths are far beyond those of good files and far below the 16 KB that the kernel's lexer has room for.
TOKEN: Final = compile_pattern(
    rb"""
    [\t\n\r\x20]*+
    (?:
        \#([0-9]++)
      | (\()
      | (\))
      | (,)
      | ( [-+]?+ (?: [0-9]{1,300}+ (?: \.[0-9]{0,300}+ (?: [eE][-+]?+[0-9]{1,300}+ )?+ )?+
                   | \.[0-9]{1,300}+ (?: [eE][-+]?+[0-9]{1,300}+ )?+ ) (?![0-9eE])
        | \$ | \* | \.[A-Z_][A-Z0-9_]{0,300}+\. | "[0-9A-F]{1,300}+" )
      | ( '[^']{0,8000}+' (?!') )
      | ( (?:END-)?+ISO-10303-21 | !?+[A-Z_][A-Z0-9_]*+ (?![a-z]) )
      | (;)
      | (=)
      | ( [-+]?+ (?: [0-9]++ (?:\.[0-9]*+)?+ | \.[0-9]++ ) (?: [eE][-+]?+[0-9]++ )?+
        | \.[A-Za-z_][A-Za-z0-9_]*+\. | "[0-9A-Fa-f\t-\r]*+" )
      | ( '[^']*+ (?: ''[^']*+ )*+ ' )
      | ( (?i: (?:END-)?+ISO-10303-21 ) | !?+[A-Za-z_][A-Za-z0-9_]*+ )
      | ( [\v\f]++ | /\* [^*]*+ (?: \*(?!/) [^*]*+ )*+ \*/ | \\[NF]\\ )
      | ( [\x00-\xff] )
      | ( \Z )
    )
    """,
    re.VERBOSE,
)
"""Blanks and one word; `FILLER` is text between words, such as a comment."""


def _bits(*kinds: int) -> int:
    return sum(1 << kind for kind in kinds)


_ITEM = _bits(REFERENCE, OPEN, VALUE, STRING, KEYWORD)
_AFTER_ITEM = _bits(COMMA, CLOSE, SEMICOLON)

FOLLOWERS: Final[dict[int, int]] = {
    SEMICOLON: _bits(REFERENCE, KEYWORD),
    EQUALS: _bits(OPEN, KEYWORD, REFERENCE, VALUE, STRING),
    # A bare word is no value. It is accepted, so that the kernel's reaction to NAN as a coordinate becomes visible.
    KEYWORD: _bits(OPEN) | _AFTER_ITEM,
    OPEN: _ITEM | _bits(CLOSE),
    COMMA: _ITEM,
    # The partial records of a complex instance follow each other without a comma.
    CLOSE: _AFTER_ITEM | _bits(KEYWORD),
    VALUE: _AFTER_ITEM,
    STRING: _AFTER_ITEM,
    REFERENCE: _AFTER_ITEM | _bits(EQUALS),
}
"""Kind of a word -> bit set of the kinds that may come next."""

LINE_ENDS: Final = b"\t\n\v\f\r"
"""Line ends and tabs, which are allowed even within a word."""

PLAIN_KIND: Final = {ODD_VALUE: VALUE, ODD_STRING: STRING, ODD_KEYWORD: KEYWORD}
"""Odd kind of a word -> its plain kind."""


def words(data: bytes, start: int = 0) -> Iterator[tuple[int, bytes]]:
    """Yield (kind, word) from ``start`` to the end; words in small letters are capitalised, `FILLER` is skipped."""
    for match in TOKEN.finditer(data, start):
        kind = match.lastindex or GARBAGE
        if kind < ODD_VALUE or kind == GARBAGE:
            yield kind, match[kind]
        elif kind in PLAIN_KIND:
            word = match[kind]
            yield PLAIN_KIND[kind], word if kind == ODD_STRING else in_upper_case(word)


def without_line_ends(data: bytes) -> bytes:
    """Return the file as one line, so that no word has a line break. Only the file's own kind of line end is removed.

    By the standard, readers ignore other control characters, too; but in words these are flipped bits.
    """
    return data.replace(b"\r\n" if b"\r\n" in data else b"\n" if b"\n" in data else b"\r", b"")


def in_upper_case(word: bytes) -> bytes:
    """Return a word of small letters in capitals; leave mixed case unchanged, since it is a sign of damage."""
    return word.upper() if word.islower() else word
