"""Run file in the state folder of a local run, so that commands in a second terminal find the run.

The file holds settings of the run, including URLs with passwords, so only its owner can read it. It is valid only while
the run lives: the run holds a lock on the folder, which the kernel releases at its end, even after a crash.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from enginel.local.owner import Ownership
from enginel.local.private import write_private

__all__ = ["Note", "adopt", "settings_of_run"]

# Settings that commands beside the run need; the rest follows from the state folder.
_SHARED = ("DATABASE_URL", "ENGINEL_PORT", "ENGINEL_SENTRY_ISSUE_URL", "REDIS_URL", "SENTRY_DSN")


class Note:
    """The lock and the run file of one run.

    Args:
        state_dir: The folder of the run.
    """

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / "run.json"
        self._owner = Ownership(state_dir / "run.lock")

    def take_folder(self) -> int | None:
        """Lock the folder for this process; return the process id of another run that holds it, 0 if unknown."""
        return None if self._owner.take() else int(self._owner.read() or 0)

    def write(self, env: Mapping[str, str]) -> None:
        """Write the settings that commands beside the run need."""
        shared = {name: env[name] for name in _SHARED if env.get(name)}
        write_private(self._path, json.dumps(shared))

    def remove(self) -> None:
        """Remove the run file and release the folder."""
        if self._owner.is_mine:
            self._path.unlink(missing_ok=True)
            self._owner.release()

    def read(self) -> dict[str, str]:
        """Return the settings of the run that goes on in this folder; nothing when there is none."""
        if not self._path.exists() or not self._owner.is_held():
            return {}
        try:
            found = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return {}
        return {name: str(found[name]) for name in _SHARED if name in found} if isinstance(found, dict) else {}


def settings_of_run(state_dir: Path) -> dict[str, str]:
    """Return the settings of the run that goes on in this folder; nothing when there is none."""
    return Note(state_dir).read()


def adopt(base_dir: Path) -> None:
    """Set the environment from the run in the state folder of this process, in development only.

    Variables that are already set keep their value.
    """
    if os.environ.get("ENGINEL_ENVIRONMENT") != "development":
        return
    state_dir = Path(os.environ.get("ENGINEL_STATE_DIR") or base_dir / "var").resolve()
    for name, value in settings_of_run(state_dir).items():
        os.environ.setdefault(name, value)
