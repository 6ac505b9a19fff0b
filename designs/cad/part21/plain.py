"""A Part 21 file in the form that the kernel's lexer and grammar read.

The kernel wants a header, one data section after it and nothing else, and is picky about blanks and comments.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from designs.cad.part21.tokens import REFERENCE, SEMICOLON, TOKEN

__all__ = ["plain_text"]

_BOM: Final = b"\xef\xbb\xbf"
_BEGIN: Final = b"ISO-10303-21"
_END: Final = b"END-ISO-10303-21"
_FRAME: Final = frozenset({_BEGIN, b"HEADER", b"ENDSEC", b"ANCHOR", b"REFERENCE", b"DATA", _END})


def plain_text(data: bytes) -> bytes:
    """Return what the kernel can read of a file: its header, and the instances of all its data sections in one.

    Only words are kept, each statement on a line of its own. What the scan refuses may come out as anything.
    """
    kept: dict[bytes, list[bytes]] = {b"HEADER": [], b"DATA": []}
    current: list[bytes] | None = None
    for head, statement in _statements(data):
        if head == _END:
            break
        if head in _FRAME:
            current = kept.get(head)
        elif current is not None:
            current.append(statement)
    header, instances = (b"".join(statements) for statements in kept.values())
    return b"%b;\nHEADER;\n%bENDSEC;\nDATA;\n%bENDSEC;\n%b;\n" % (_BEGIN, header, instances, _END)


def _statements(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the first word of each statement, and the statement with its semicolon and a line end."""
    words: list[bytes] = []
    for match in TOKEN.finditer(data, len(_BOM) if data.startswith(_BOM) else 0):
        kind = match.lastindex or 0
        words.append(b"#" + match[kind] if kind == REFERENCE else match[kind])
        if kind == SEMICOLON:
            words.append(b"\n")
            yield words[0], b"".join(words)
            words.clear()
