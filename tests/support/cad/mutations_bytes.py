"""Mutations of bytes and encodings, for any text file."""

from __future__ import annotations

import random
import re
from typing import Final

__all__ = ["BYTES", "ENCODINGS"]

_STRING: Final = re.compile(rb"'((?:[^']|'')*)'|(?<=[,;])\s*\d+H[^,;]*")
_NAMES: Final = ("Gehäuse", "Деталь", "部品", "零件", "Pièce №1", "\U0001f529")
_ENCODINGS: Final = ("utf-8", "latin-1", "gb18030", "shift-jis", "cp1251", "utf-16-le", "utf-7")
_ESCAPES: Final = (
    rb"\X\E4", rb"\X2\00FC\X0\ ", rb"\X2\7B52", rb"\X2\D800\X0\ ", rb"\X4\0001F529\X0\ ", rb"\X4\FFFFFFFF\X0\ ",
    rb"\S\d", rb"\S", rb"\PE\\S\d", rb"\PZ\ ", b"\\", rb"\X\ZZ", rb"\X2\00\X0\ ", rb"\N\ ", rb"\F\ ", b"''",
    b"\\X2\\\n00FC\\X0\\",
)  # fmt: skip
_CONTROLS: Final = (
    b"\0",
    b"\x07",
    b"\x0b",
    b"\x0c",
    b"\x1a",
    b"\x1b[31m",
    b"\x7f",
    b"\x80",
    b"\x85",
    b"\xff",
    b"\r",
    b"\n",
)


def _place(chance: random.Random, content: bytes) -> int:
    return chance.randrange(len(content) + 1)


def flipped_bits(chance: random.Random, content: bytes) -> bytes:
    mutable = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 20)) if content else 0):
        mutable[chance.randrange(len(mutable))] ^= 1 << chance.randrange(8)
    return bytes(mutable)


def cut_short(chance: random.Random, content: bytes) -> bytes:
    return content[: _place(chance, content)]


def cut_front(chance: random.Random, content: bytes) -> bytes:
    return content[_place(chance, content) // 10 :]


def hole(chance: random.Random, content: bytes) -> bytes:
    start, length = _place(chance, content), chance.choice((1, 80, 512, 4096))
    return content[:start] + content[start + length :]


def zeroed(chance: random.Random, content: bytes) -> bytes:
    start, length = _place(chance, content), chance.choice((1, 80, 512, 4096))
    return content[:start] + bytes(len(content[start : start + length])) + content[start + length :]


def repeated_block(chance: random.Random, content: bytes) -> bytes:
    start, length = _place(chance, content), chance.choice((10, 80, 1000))
    return content[:start] + content[start : start + length] + content[start:]


def exchanged_blocks(chance: random.Random, content: bytes) -> bytes:
    first, second = sorted((_place(chance, content), _place(chance, content)))
    length = min(chance.choice((10, 80, 1000)), second - first)
    blocks = content[second : second + length], content[first : first + length]
    return content[:first] + blocks[0] + content[first + length : second] + blocks[1] + content[second + length :]


def noise(chance: random.Random, content: bytes) -> bytes:
    start = _place(chance, content)
    return content[:start] + chance.randbytes(chance.choice((1, 3, 100))) + content[start:]


def appended(chance: random.Random, content: bytes) -> bytes:
    return content + chance.choice((b"\x1a", b"\0" * 512, b" " * 5000, b"garbage", content[:500], b"\n" * 100))


def line_breaks(chance: random.Random, content: bytes) -> bytes:
    return content.replace(b"\r", b"").replace(b"\n", chance.choice((b"\r\n", b"\r", b"", b"\n\n", b"\x0c\n", b" \n")))


def byte_order_mark(chance: random.Random, content: bytes) -> bytes:
    return chance.choice((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\x00", b"\n\n  ")) + content


def wide(chance: random.Random, content: bytes) -> bytes:
    return content.decode("latin-1").encode(
        chance.choice(("utf-16", "utf-16-be", "utf-32", "utf-8", "cp037")), "replace"
    )


def _into_text(chance: random.Random, content: bytes, piece: bytes) -> bytes:
    texts = list(_STRING.finditer(content))
    if not texts:
        return content
    text = chance.choice(texts)
    at = chance.randrange(text.start() + 1, max(text.end(), text.start() + 2))
    return content[:at] + piece + content[at:]


def foreign_letters(chance: random.Random, content: bytes) -> bytes:
    return _into_text(chance, content, chance.choice(_NAMES).encode(chance.choice(_ENCODINGS), "replace"))


def escape(chance: random.Random, content: bytes) -> bytes:
    return _into_text(chance, content, chance.choice(_ESCAPES))


def control(chance: random.Random, content: bytes) -> bytes:
    return _into_text(chance, content, chance.choice(_CONTROLS))


def control_anywhere(chance: random.Random, content: bytes) -> bytes:
    at = _place(chance, content)
    return content[:at] + chance.choice(_CONTROLS) + content[at:]


def long_text(chance: random.Random, content: bytes) -> bytes:
    return _into_text(chance, content, b"n" * chance.choice((300, 16_000, 17_000, 32_700, 33_000, 70_000)))


def lower_case(chance: random.Random, content: bytes) -> bytes:
    start = _place(chance, content)
    return content[:start] + content[start : start + 2000].lower() + content[start + 2000 :]


BYTES: Final = (
    flipped_bits, cut_short, cut_front, hole, zeroed, repeated_block, exchanged_blocks, noise, appended,
)  # fmt: skip
ENCODINGS: Final = (
    line_breaks, byte_order_mark, wide, foreign_letters, foreign_letters, escape, escape, control, control_anywhere,
    long_text, lower_case,
)  # fmt: skip
