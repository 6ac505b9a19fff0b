"""Rewriting of a Part 21 file to the form that the kernel's lexer and grammar read.

The kernel expects a header and one data section and nothing else, and is strict about blanks and comments.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from designs.cad.part21.odd import MAX_KERNEL_ID, plain_word
from designs.cad.part21.sections import after_signatures, read_apart
from designs.cad.part21.tokens import FILLER, GARBAGE, LINE_ENDS, ODD_VALUE, REFERENCE, SEMICOLON, TOKEN
from designs.exceptions import CorruptedFile
from designs.patterns import compile_pattern

__all__ = ["plain_text"]

_BOM: Final = b"\xef\xbb\xbf"
_BEGIN: Final = b"ISO-10303-21;\nHEADER;\n"
_END: Final = b"END-ISO-10303-21;"
_BEFORE_OTHER_WORDS: Final = frozenset({b"ENDSEC;", b"ANCHOR;", b"REFERENCE;"})
_WITHOUT_STATEMENTS: Final = frozenset({b"ISO-10303-21;", *_BEFORE_OTHER_WORDS})
# Replaces an instance of another file: the kernel ignores it and reports no missing reference.
_STAND_IN: Final = b"=!EXTERNAL();"
# First byte of an unclosed string or comment. The search for its end would read the rest of the file each time.
_NEVER_CLOSED: Final = frozenset({b"'", b"/"})
_LONG_NAME: Final = compile_pattern(rb"#0*+[1-9][0-9]{9,17}+(?![0-9])")
_NAME: Final = compile_pattern(rb"#([0-9]{1,18}+)(?![0-9])")


def plain_text(data: bytes) -> bytes:
    """Return the part of a file that the kernel can read: its header, and the instances of all data sections in one.

    Only words are kept, with each statement on one line; this joins words with line breaks in them. The result is
    undefined for a file that the scan refuses.
    """
    try:
        return _rewritten(data)
    except CorruptedFile:
        # Words of anchors or references have line breaks in them.
        return _rewritten(data.translate(None, LINE_ENDS))


def _rewritten(data: bytes) -> bytes:
    # Bytes instead of a list of statements, which would take twice the memory.
    header, instances = bytearray(), bytearray()
    section: bytearray | None = None
    for statement in _statements(data):
        if statement == _END:
            break
        if statement.startswith((b"DATA;", b"DATA(")):
            section = instances
        elif statement == b"HEADER;":
            section = header
        elif statement in _WITHOUT_STATEMENTS:
            section = None
        elif section is not None:
            section += statement + b"\n"
        elif statement.startswith(b"#"):
            instances += statement + b"\n"
    return b"".join((_BEGIN, header, b"ENDSEC;\nDATA;\n", instances, b"ENDSEC;\n", _END, b"\n"))


def _statements(data: bytes) -> Iterator[bytes]:
    names = _short_names(data)
    start = len(_BOM) if data.startswith(_BOM) else 0
    while start >= 0:
        after = -1
        for statement, end in _statements_of_data(data, start, names):
            yield statement
            if statement in _BEFORE_OTHER_WORDS:
                after, externals = _skip_section(data, end, statement)
                yield from (names.get(name, b"#" + name) + _STAND_IN for name in externals)
                break
        start = after


def _skip_section(data: bytes, position: int, statement: bytes) -> tuple[int, Iterable[bytes]]:
    """Return the position behind sections without data, and the names of instances of other files."""
    if statement == b"ENDSEC;":
        return after_signatures(data, position), ()
    apart = read_apart(data, position, statement[:-1])
    return apart.end, apart.externals


def _statements_of_data(data: bytes, start: int, names: dict[bytes, bytes]) -> Iterator[tuple[bytes, int]]:
    """Yield each statement and its end."""
    words: list[bytes] = []
    for match in TOKEN.finditer(data, start):
        kind = match.lastindex or GARBAGE
        word = match[kind]
        if kind == REFERENCE:
            words.append(names.get(word) or b"#" + word)
        elif kind < ODD_VALUE or kind >= GARBAGE:
            words.append(word)
            if kind == SEMICOLON:
                yield b"".join(words), match.end()
                words.clear()
            elif word in _NEVER_CLOSED:
                return
        elif kind != FILLER:
            words.append(plain_word(kind, word))


def _short_names(data: bytes) -> dict[bytes, bytes]:
    """Map instance names that are too large for the kernel to names that the file does not use.

    Names beyond 64 bits stay: no program that counts its instances writes them.
    """
    if not _LONG_NAME.search(data):
        return {}
    used = {int(name) for name in _NAME.findall(data)}
    free = (number for number in range(MAX_KERNEL_ID, 0, -1) if number not in used)
    short = {number: b"#%d" % next(free) for number in sorted(used) if number > MAX_KERNEL_ID}
    return {name: short[int(name)] for name in set(_NAME.findall(data)) if int(name) in short}
