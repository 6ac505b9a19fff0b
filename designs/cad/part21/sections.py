"""The sections of the third edition (ISO 10303-21:2016) without data: anchors, references, signatures.

They contain no geometry. They are read only to find their end and to check their syntax.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from designs.exceptions import CorruptedFile
from designs.patterns import compile_pattern

__all__ = ["Apart", "after_signatures", "is_end", "read_apart"]

_BLANK: Final = rb"(?: [\t-\r\x20]++ | /\* [^*]*+ (?: \*(?!/) [^*]*+ )*+ \*/ | \\[NF]\\ )*+"
_WORD: Final = compile_pattern(
    _BLANK
    + rb"""
    (?:
        \#([0-9]++)
      | ( ENDSEC )
      | ( ; )
      | ( = )
      | ( [({] )
      | ( [)}] )
      | ( <[^>]*+> )
      | ( @[0-9]++ )
      | ( [\#@]?+[A-Z_][A-Z0-9_-]*+ | [-+]?+[0-9.]++(?:E[-+]?+[0-9]++)?+ | [.A-Za-z0-9_-]++ | [,:$*]
        | "[0-9A-F]*+" | '[^']*+ (?: ''[^']*+ )*+ ' )
    )
    """,
    re.VERBOSE,
)
_REFERENCE, _ENDSEC, _SEMICOLON, _EQUALS, _OPEN, _CLOSE, _RESOURCE, _VALUE_NAME = range(1, 9)
_NAMES: Final = {b"ANCHOR": {_RESOURCE}, b"REFERENCE": {_REFERENCE, _VALUE_NAME}}
_SIGNATURE: Final = compile_pattern(_BLANK + rb"SIGNATURE(?![A-Z0-9_])", re.VERBOSE)
_FILE_END: Final = compile_pattern(_BLANK + rb"(?: \x1a [\t-\r\x20\x1a]*+ )?+ \Z", re.VERBOSE)
_SIGNATURE_END: Final = compile_pattern(rb"ENDSEC[\t-\r ]*+;")


@dataclass(slots=True)
class Apart:
    """The content of one section.

    Attributes:
        end: Position of the ``ENDSEC`` that ends it.
        references: Instances of this file that its anchors refer to.
        externals: Name in this file of an instance of another file -> its address.
    """

    end: int = 0
    references: set[bytes] = field(default_factory=set)
    externals: dict[bytes, bytes] = field(default_factory=dict)


def read_apart(data: bytes, position: int, section: bytes) -> Apart:
    """Read an ``ANCHOR`` or ``REFERENCE`` section from behind its first semicolon.

    Raises:
        CorruptedFile: When it is cut, or violates the syntax.
    """
    found, statement, depth, name = Apart(), list[int](), 0, b""
    while True:
        match = _WORD.match(data, position)
        kind = match.lastindex if match else None
        if match is None or kind is None:
            raise _broken(data, position)
        if kind == _ENDSEC and not statement:
            found.end = match.start(_ENDSEC)
            return found
        position = match.end()
        depth += (kind == _OPEN) - (kind == _CLOSE)
        statement.append(kind)
        if kind == _REFERENCE and section == b"ANCHOR":
            found.references.add(match[_REFERENCE])
        elif kind == _REFERENCE:
            name = match[_REFERENCE]
        elif kind == _RESOURCE and name:
            found.externals[name] = match[_RESOURCE][1:-1]
        if kind == _SEMICOLON:
            if depth or len(statement) < 4 or statement[0] not in _NAMES[section] or statement[1] != _EQUALS:
                raise _corrupted("The sections of the file do not follow the syntax of STEP.", "syntax", position)
            statement.clear()
            name = b""


def after_signatures(data: bytes, position: int) -> int:
    """Return the position behind the signatures that follow, if any; they are not verified.

    Raises:
        CorruptedFile: When one is cut.
    """
    while _SIGNATURE.match(data, position):
        end = _SIGNATURE_END.search(data, position)
        if end is None:
            raise _corrupted("The file is cut: its end is missing.", "truncated", position)
        position = end.end()
    return position


def is_end(data: bytes, position: int) -> bool:
    """Return whether only blanks, comments and the Ctrl-Z by which some systems end a text follow."""
    return _FILE_END.match(data, position) is not None


def _broken(data: bytes, position: int) -> CorruptedFile:
    if not data[position:].strip():
        return _corrupted("The file is cut: its end is missing.", "truncated", position)
    return _corrupted("The sections of the file do not follow the syntax of STEP.", "syntax", position)


def _corrupted(message: str, reason: str, position: int) -> CorruptedFile:
    return CorruptedFile(message, details={"stage": "scan", "reason": reason, "position": position}, is_fixed=True)
