"""Files that only their owner may read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

__all__ = ["PRIVATE_UMASK", "make_private", "write_private"]

PRIVATE_UMASK = 0o077
"""The umask of the processes of a local run: only their user may access new files."""

# Files of a local run in its state folder. Other files are not changed.
_KEPT = (
    "admin_password", "bugsink", "celerybeat-schedule*", "db.sqlite3*", "logs", "run.json*", "run.lock",
    "secret_key*", "sentry", "static", "static-gzip", "storage", "valkey*",
)  # fmt: skip


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, atomically."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)


def make_private(state_dir: Path, *, deep: bool = True) -> None:
    """Remove the access of other users to a state folder and to the files of a local run in it.

    A folder for all users, such as /tmp, keeps its mode.

    Args:
        state_dir: The folder; nothing happens if it does not exist.
        deep: Whether to look below its first level although other users cannot enter the folder.
    """
    if not state_dir.is_dir():
        return
    mode = state_dir.stat().st_mode
    if not mode & stat.S_ISVTX:
        _restrict(state_dir)
    for pattern in _KEPT:
        for path in state_dir.glob(pattern):
            _restrict(path)
            if (deep or mode & PRIVATE_UMASK) and path.is_dir() and not path.is_symlink():
                for inner in _below(path):
                    _restrict(inner)


def _below(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        yield from (Path(parent, name) for name in (*folders, *files))


def _restrict(path: Path) -> None:
    # A file may be deleted meanwhile; the mode of another user's file cannot be changed.
    with suppress(OSError):
        found = path.lstat()
        if not stat.S_ISLNK(found.st_mode) and found.st_mode & PRIVATE_UMASK:
            path.chmod(stat.S_IMODE(found.st_mode) & ~PRIVATE_UMASK)
