"""Edits of STEP and IGES files that imitate a faulty CAD system. All are deterministic."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from enginel.sample.corpus import sample_path

__all__ = [
    "cut", "flipped", "removed", "replaced", "sample", "seeded", "shuffled_parameters", "with_nuls",
    "with_statements",
]  # fmt: skip


def sample(name: str) -> bytes:
    """Return the content of a sound sample file."""
    return sample_path(name).read_bytes()


def seeded(seed: int) -> random.Random:
    """Return a random generator with the same numbers each time."""
    return random.Random(seed)  # noqa: S311 - repeatable damage, no secret


def cut(data: bytes, percent: int) -> bytes:
    """Keep the first ``percent`` of a file."""
    return data[: len(data) * percent // 100]


def flipped(data: bytes, bits: int, *, seed: int) -> bytes:
    """Flip ``bits`` different bits."""
    content = bytearray(data)
    for position in seeded(seed).sample(range(len(data) * 8), bits):
        content[position // 8] ^= 1 << (position % 8)
    return bytes(content)


def with_nuls(data: bytes, *, start: int, length: int) -> bytes:
    """Overwrite a range with NUL bytes, as a disk that lost a block does."""
    return data[:start] + b"\0" * length + data[start + length :]


def replaced(
    data: bytes, pattern: bytes, replacement: bytes | Callable[[re.Match[bytes]], bytes], *, count: int = 1
) -> bytes:
    """Replace ``count`` matches of a pattern, all of them if 0.

    Raises:
        LookupError: When there are fewer matches, so that no case silently stays undamaged.
    """
    result, times = re.subn(pattern, replacement, data, count=count)
    if times < max(count, 1):
        raise LookupError(f"{pattern!r} occurs {times} times")
    return result


def removed(data: bytes, keyword: bytes, *, count: int = 1) -> bytes:
    """Remove ``count`` instances with a keyword, all of them if 0."""
    return replaced(data, rb"#\d+\s*=\s*" + keyword + rb"\s*\([^;]*;\s*", b"", count=count)


def with_statements(data: bytes, statements: bytes) -> bytes:
    """Append instances to the data section."""
    head, tail = data.rsplit(b"ENDSEC;", 1)
    return head + statements + b"\nENDSEC;" + tail


def shuffled_parameters(data: bytes, *, seed: int) -> bytes:
    """Shuffle the texts of an IGES file's parameter lines and leave columns 65 to 80 where they are."""
    lines = data.splitlines(keepends=True)
    places = [index for index, line in enumerate(lines) if line[72:73] == b"P"]
    texts = [lines[index][:64] for index in places]
    seeded(seed).shuffle(texts)
    for index, text in zip(places, texts, strict=True):
        lines[index] = text + lines[index][64:]
    return b"".join(lines)
