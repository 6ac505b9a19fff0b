"""Mutations of IGES files that know columns, sections, the directory, parameters and the global section."""

from __future__ import annotations

import random
import re
from typing import Final

__all__ = ["OPERATORS"]

_NUMBERS: Final = (
    b"1.D400", b"-1.D400", b"1.E999", b"1.D300", b"1.D160", b"NAN", b"INF", b"0.", b"-1.", b"1.D-400", b"1.E20",
    b"9" * 50,    b"1H2", b"", b"1..", b"#1", b"1,5", b"99999999999", b"-99999", b"3.D", b"X",
)  # fmt: skip
_FIELDS: Final = (
    b"",
    b"0",
    b"1",
    b"2",
    b"3",
    b"11",
    b"99",
    b"-1",
    b"1.D400",
    b"2HMM",
    b"4HINCH",
    b"99HX",
    b"0H",
    b"X",
    b"1H;",
    b"NAN",
)
_TYPES: Final = (
    0,
    100,
    102,
    110,
    116,
    120,
    122,
    124,
    126,
    128,
    142,
    144,
    186,
    308,
    314,
    402,
    406,
    408,
    502,
    504,
    508,
    510,
    514,
    999,
)


def _lines(content: bytes) -> list[bytes]:
    return content.split(b"\n")


def _indices(lines: list[bytes], letter: bytes) -> list[int]:
    return [index for index, line in enumerate(lines) if line[72:73] == letter]


def _edited(chance: random.Random, content: bytes, letter: bytes, start: int, end: int, new: bytes) -> bytes:
    """Overwrite columns of one line of a section."""
    lines = _lines(content)
    if found := _indices(lines, letter):
        index = chance.choice(found)
        line = lines[index]
        lines[index] = line[:start] + new.rjust(end - start)[: end - start] + line[end:]
    return b"\n".join(lines)


def dropped_line(chance: random.Random, content: bytes) -> bytes:
    lines = _lines(content)
    del lines[chance.randrange(len(lines))]
    return b"\n".join(lines)


def repeated_line(chance: random.Random, content: bytes) -> bytes:
    lines = _lines(content)
    at = chance.randrange(len(lines))
    return b"\n".join([*lines[:at], lines[at], *lines[at:]])


def exchanged_lines(chance: random.Random, content: bytes) -> bytes:
    lines = _lines(content)
    first, second = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[first], lines[second] = lines[second], lines[first]
    return b"\n".join(lines)


def shifted_line(chance: random.Random, content: bytes) -> bytes:
    lines = _lines(content)
    at = chance.randrange(len(lines))
    lines[at] = chance.choice(
        (b" " + lines[at], lines[at][1:], lines[at][:71], lines[at] + b"0" * 20, lines[at].rstrip())
    )
    return b"\n".join(lines)


def other_letter(chance: random.Random, content: bytes) -> bytes:
    letter = chance.choice((b"S", b"G", b"D", b"P", b"T"))
    return _edited(
        chance, content, letter, 72, 73, chance.choice((b"S", b"G", b"D", b"P", b"T", b"X", b" ", b"B", b"C"))
    )


def other_sequence(chance: random.Random, content: bytes) -> bytes:
    new = chance.choice((b"1", b"0", b"999", b"-1", b"X", b"", b"0000002"))
    return _edited(chance, content, chance.choice((b"S", b"G", b"D", b"P")), 73, 80, new)


def renumbered(chance: random.Random, content: bytes) -> bytes:
    """Drop a parameter line, and number the rest and the last line so that they fit."""
    lines = _lines(content)
    if found := _indices(lines, b"P"):
        del lines[chance.choice(found)]
        for number, index in enumerate(_indices(lines, b"P"), 1):
            lines[index] = lines[index][:73] + b"%7d" % number
    return b"\n".join(lines)


def other_count(chance: random.Random, content: bytes) -> bytes:
    start = chance.choice((0, 8, 16, 24))
    new = chance.choice((b"S      1", b"G0000003", b"", b"D      0", b"P9999999", b"X", b"S-000001"))
    return _edited(chance, content, b"T", start, start + 8, new)


def other_pointer(chance: random.Random, content: bytes) -> bytes:
    start = 8 * chance.randrange(9)
    new = chance.choice((b"0", b"1", b"-1", b"%d" % chance.randrange(200), b"99999999", b"X", b"", b"1.5"))
    return _edited(chance, content, b"D", start, start + 8, new)


def other_type(chance: random.Random, content: bytes) -> bytes:
    return _edited(chance, content, b"D", 0, 8, b"%d" % chance.choice(_TYPES))


def other_back_pointer(chance: random.Random, content: bytes) -> bytes:
    return _edited(chance, content, b"P", 64, 72, b"%d" % chance.randrange(200))


def other_parameter(chance: random.Random, content: bytes) -> bytes:
    lines = _lines(content)
    found = _indices(lines, b"P")
    if not found:
        return content
    index = chance.choice(found)
    text = lines[index][:64]
    separator = chance.choice((b",", b",", b";"))
    parts = text.rstrip().split(separator)
    parts[chance.randrange(len(parts))] = chance.choice((*_NUMBERS, b"%d" % chance.randrange(200)))
    lines[index] = separator.join(parts).ljust(64)[:64] + lines[index][64:]
    return b"\n".join(lines)


def _numbers(chance: random.Random, content: bytes, number: bytes, share: int) -> bytes:
    """Replace numbers of parameter lines by one that fits in their columns."""

    def new(match: re.Match[bytes]) -> bytes:
        return match[0] if chance.randrange(share) or len(number) > len(match[0]) else number.ljust(len(match[0]))

    lines = _lines(content)
    for index in _indices(lines, b"P"):
        lines[index] = re.sub(rb"-?\d+\.[\dED+-]*", new, lines[index][:64]) + lines[index][64:]
    return b"\n".join(lines)


def one_number_in_many(chance: random.Random, content: bytes) -> bytes:
    return _numbers(chance, content, chance.choice(_NUMBERS), 50)


def all_numbers(chance: random.Random, content: bytes) -> bytes:
    return _numbers(chance, content, chance.choice(_NUMBERS), 1)


def other_field(chance: random.Random, content: bytes) -> bytes:
    lines = _lines(content)
    found = _indices(lines, b"G")
    if not found:
        return content
    text = b"".join(lines[index][:72] for index in found)
    parts = text.rstrip().rstrip(b";").split(b",")
    at, action = chance.randrange(len(parts)), chance.randrange(4)
    if action == 0:
        del parts[at:]
    elif action == 1:
        del parts[at]
    else:
        parts[at] = chance.choice(_FIELDS)
    text = b",".join(parts) + b";"
    rows = [text[start : start + 72].ljust(72) for start in range(0, len(text), 72)]
    body = [row + b"G%7d" % number for number, row in enumerate(rows, 1)]
    before, after = lines[: found[0]], lines[found[-1] + 1 :]
    return re.sub(rb"G *\d+(?=D)", b"G%7d" % len(rows), b"\n".join([*before, *body, *after]))


def other_delimiters(chance: random.Random, content: bytes) -> bytes:
    new = chance.choice((b"1H;,1H,", b"1H ,1H;", b",,", b"1H,,1H,", b"2H,,,1H;", b"1H/,1H;", b"1H\x00,1H;", b"1HA,1HB"))
    return re.sub(rb"^1H,,1H;", lambda _: new, content, count=1, flags=re.MULTILINE)


def exchanged_sections(chance: random.Random, content: bytes) -> bytes:
    lines = _lines(content)
    groups = [[lines[index] for index in _indices(lines, letter)] for letter in (b"S", b"G", b"D", b"P", b"T")]
    chance.shuffle(groups)
    return b"\n".join(line for group in groups for line in group)


def dropped_section(chance: random.Random, content: bytes) -> bytes:
    letter = chance.choice((b"S", b"G", b"D", b"P", b"T"))
    return b"\n".join(line for line in _lines(content) if line[72:73] != letter)


OPERATORS: Final = {
    "columns": (dropped_line, repeated_line, exchanged_lines, shifted_line, other_letter, other_sequence),
    "sections": (exchanged_sections, dropped_section, other_count, renumbered),
    "directory": (other_pointer, other_type, other_back_pointer),
    "numbers": (one_number_in_many, all_numbers, other_parameter),
    "global": (other_field, other_field, other_delimiters),
}  # fmt: skip
