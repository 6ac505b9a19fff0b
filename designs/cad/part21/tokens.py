"""The words of a Part 21 file (ISO 10303-21, clause 6) and which may follow which.

One pass, one match per word: every quantifier below is possessive, so a match never goes back over what
it has read, and some alternative matches at every position, so a search never starts over. A file with an
unterminated string or a megabyte of blanks at its end is answered at once.
"""

from __future__ import annotations

import re
from typing import Final

from designs.patterns import compile_pattern

__all__ = [
    "CLOSE", "COMMA", "END", "EQUALS", "FOLLOWERS", "GARBAGE", "KEYWORD", "OPEN", "REFERENCE", "RESOURCE",
    "SEMICOLON", "STRING", "TOKEN", "VALUE",
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
RESOURCE: Final = 10
GARBAGE: Final = 11
END: Final = 12

TOKEN: Final = compile_pattern(
    rb"""
    (?: [\t-\r\x20]++ | /\* [^*]*+ (?: \*(?!/) [^*]*+ )*+ \*/ | \\[NF]\\ )*+
    (?:
        \#([0-9]++)
      | (\()
      | (\))
      | (,)
      | ( [-+]?+ (?: [0-9]++ (?:\.[0-9]*+)?+ | \.[0-9]++ ) (?: [eE][-+]?+[0-9]++ )?+
        | \$ | \* | \.[A-Za-z_][A-Za-z0-9_]*+\. | "[0-9A-Fa-f\r\n]*+" )
      | ( '[^']*+ (?: ''[^']*+ )*+ ' )
      | ( (?:END-)?+ISO-10303-21 | !?+[A-Za-z_][A-Za-z0-9_]*+ )
      | (;)
      | (=)
      | ( <[^>\r\n]{0,4096}+> )
      | ( [\x00-\xff] )
      | ( \Z )
    )
    """,
    re.VERBOSE,
)


def _bits(*kinds: int) -> int:
    return sum(1 << kind for kind in kinds)


_ITEM = _bits(REFERENCE, OPEN, VALUE, STRING, KEYWORD, RESOURCE)
_AFTER_ITEM = _bits(COMMA, CLOSE, SEMICOLON)

FOLLOWERS: Final[dict[int, int]] = {
    SEMICOLON: _bits(REFERENCE, KEYWORD, RESOURCE),
    EQUALS: _bits(OPEN, KEYWORD, REFERENCE, RESOURCE, VALUE, STRING),
    # A bare word is no value, but a kernel that meets NAN as a coordinate has to be watched, not hidden.
    KEYWORD: _bits(OPEN) | _AFTER_ITEM,
    OPEN: _ITEM | _bits(CLOSE),
    COMMA: _ITEM,
    # The partial records of a complex instance follow each other without a comma.
    CLOSE: _AFTER_ITEM | _bits(KEYWORD),
    VALUE: _AFTER_ITEM,
    STRING: _AFTER_ITEM,
    REFERENCE: _AFTER_ITEM | _bits(EQUALS),
    RESOURCE: _AFTER_ITEM | _bits(EQUALS),
}
"""Kind of a word -> bit set of the kinds that may come next."""
