"""Rewriting of content that the standard allows and the kernel does not read.

Content is rewritten only if the scan found such syntax. This happens in the kernel's child process, where the limits
of memory and time and the sandbox apply.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Final

from designs.cad.iges_text import plain_iges
from designs.cad.part21 import scan_text, with_plain_units
from designs.cad.part21.plain import plain_text
from designs.cad.sniff import FileKind
from designs.exceptions import EnginelBaseException

__all__ = ["rewrite"]

Rewriter = Callable[[bytes], bytes | None]

# Each returns None if the kernel reads the content unchanged.
_REWRITERS: Final[Mapping[str, Rewriter]] = {FileKind.STEP: plain_text, FileKind.IGES: plain_iges}


def rewrite(content: int, copy: int, kind: str, *, has_odd_units: bool = False) -> int:
    """Return the descriptor for the kernel: ``copy``, filled with plain content, or ``content`` itself.

    Creates and opens no file, so that it works within the sandbox.

    Args:
        content: Descriptor of the file.
        copy: Descriptor of an empty file in memory.
        kind: Format of the file.
        has_odd_units: Its units and their contexts have to be rewritten too.

    Raises:
        OSError: When reading or writing fails.
        MemoryError: When memory does not suffice.
    """
    rewriter = _REWRITERS.get(kind)
    plain = rewriter(_content(content)) if rewriter else None
    if plain is None:
        return content
    if has_odd_units:
        plain = _with_plain_units(plain)
    view = memoryview(plain)
    while view:
        view = view[os.write(copy, view) :]
    return copy


def _with_plain_units(text: bytes) -> bytes:
    try:
        return with_plain_units(scan_text(text))
    except EnginelBaseException:
        # The scan accepted the file, so this is our own bug. The kernel's units are checked anyway.
        return text


def _content(descriptor: int) -> bytes:
    size = os.fstat(descriptor).st_size
    parts: list[bytes] = []
    position = 0
    while chunk := os.pread(descriptor, size - position, position):
        parts.append(chunk)
        position += len(chunk)
    return b"".join(parts)
