"""Lock file for the single owner of a folder's Valkey; the kernel unlocks it when its holder ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO

from enginel.local.processes import LocalError

__all__ = ["Ownership"]


class Ownership:
    """The lock of one state folder, held by this object or by another process.

    The lock belongs to an open file, so it ends with its holder, even after a crash. Only the lock states whether there
    is an owner. The process id in the file is for display only: a later process may have the same id.

    Args:
        path: The lock file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[str] | None = None

    def take(self) -> bool:
        """Take the lock unless a process holds it; return whether this object holds it now.

        Raises:
            LocalError: The folder cannot be written to.
        """
        if self._file is not None:
            return True
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Not truncated: another process may hold the lock, and the file contains its process id.
            file = os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+")
        except OSError as error:
            raise LocalError(
                f"The state folder {self.path.parent} cannot be used: {error.strerror}. "
                "Name another that this user can write to: ENGINEL_STATE_DIR=FOLDER."
            ) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        self._file = file
        self.write(os.getpid())
        return True

    def write(self, pid: int) -> None:
        """Write the process id of the server into the lock this object holds."""
        if self._file is not None:
            self._file.seek(0)
            self._file.truncate()
            self._file.write(f"{pid}\n")
            self._file.flush()

    @property
    def is_mine(self) -> bool:
        """True if this object holds the lock."""
        return self._file is not None

    @property
    def descriptor(self) -> int:
        """Descriptor of the lock that this object holds; a child that inherits it holds the lock, too."""
        if self._file is None:
            raise ValueError("This object does not hold the lock.")
        return self._file.fileno()

    def read(self) -> str:
        """Return the process id in the lock file, as text; empty without one."""
        try:
            text = self.path.read_text()[:20].strip()
        except OSError:
            return ""
        return text if text.isdecimal() else ""

    def is_held(self) -> bool:
        """Return whether a process holds the lock."""
        try:
            with self.path.open() as file:
                # A shared lock: two checks at the same time do not see each other.
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def release(self) -> None:
        """Release the lock if this object holds it."""
        if self._file is not None:
            self._file.close()
            self._file = None
