"""Logs of a local run: one previous generation is kept, and the size of each log is limited."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

__all__ = ["begin", "bound"]

_MAX_BYTES = 16 * 1024 * 1024


def begin(path: Path) -> None:
    """Rename the log of the previous run to ``NAME.log.1``."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size:
        path.replace(_before(path))
    path.touch(mode=0o600)


def bound(path: Path, max_bytes: int = _MAX_BYTES) -> None:
    """Move the content of a log to ``NAME.log.1`` when it has grown beyond a size.

    Its process has the file open for appending, so the file is truncated and not replaced. A line written between copy
    and truncation is lost.
    """
    if path.exists() and path.stat().st_size > max_bytes:
        _before(path).touch(mode=0o600)
        shutil.copyfile(path, _before(path))
        os.truncate(path, 0)


def _before(path: Path) -> Path:
    return path.with_name(f"{path.name}.1")
