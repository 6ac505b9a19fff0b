"""Opening stored files safely: only regular files, never through a symbolic link."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from designs.exceptions import CorruptedFile, FileSizeExceeded, InvalidFileFormat

__all__ = ["UTF8_BOM", "open_regular", "read_regular"]

UTF8_BOM = b"\xef\xbb\xbf"
"""The byte order mark that some writers put at the start of a UTF-8 file."""


def open_regular(path: Path, *, stage: str) -> int:
    """Open a regular file for reading and return its descriptor, which the caller closes.

    A symbolic link, directory, FIFO or device is refused: reading one may never end or lead elsewhere.

    Raises:
        InvalidFileFormat: When the path is no regular file.
        OSError: When the file is missing or cannot be read.
    """
    if not stat.S_ISREG(os.lstat(path).st_mode):
        raise _not_regular(stage)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as e:
        # The path became a link between the two calls.
        if path.is_symlink():
            raise _not_regular(stage) from e
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _not_regular(stage)
    return descriptor


def read_regular(path: Path, *, stage: str, max_bytes: int) -> bytes:
    """Return the content of a regular file.

    Raises:
        InvalidFileFormat: When the path is no regular file.
        FileSizeExceeded: When the file is larger than ``max_bytes``.
        CorruptedFile: When the file is empty.
        OSError: When the file is missing or cannot be read.
    """
    with open(open_regular(path, stage=stage), "rb") as stream:
        data = stream.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise FileSizeExceeded(
            f"This file is larger than {max_bytes} bytes.",
            details={"stage": stage, "reason": "too_large", "limit": max_bytes},
        )
    if not data:
        raise CorruptedFile("This file is empty.", details={"stage": stage, "reason": "empty"})
    return data


def _not_regular(stage: str) -> InvalidFileFormat:
    return InvalidFileFormat("Only regular files are read.", details={"stage": stage, "reason": "not_regular"})
