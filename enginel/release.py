"""The release that runs: the setting, else the commit of this checkout, else the version of the package.

Read once, when settings load. Records, groups, /metrics, traces and Sentry all get it from ``ENGINEL_RELEASE``.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

__all__ = ["VERSION", "release_of"]

VERSION = "0.1.0"
"""Version of the package; pyproject.toml has the same."""

_DEADLINE_SECONDS = 1.0
_MAX_CHARS = 200
# Sentry refuses these in the name of a release, and these names.
_REFUSED = re.compile(r"[\s/\\\x00-\x1f\x7f]+")
_NO_NAMES = frozenset({"", ".", "..", "latest"})
_DESCRIBE = ("-c", "core.fsmonitor=false", "describe", "--tags", "--always", "--dirty")


def release_of(root: Path, stated: str = "") -> str:
    """Return the name of the running release, never empty.

    Args:
        root: Folder of the code. Only a checkout whose top this is counts, not one further up.
        stated: What the deployment set.
    """
    return _named(stated) or _named(_described(root)) or VERSION


def _described(root: Path) -> str:
    """Return what ``git describe`` says of a checkout; empty without git or a checkout."""
    git = shutil.which("git") if (root / ".git").exists() else None
    if git is None:
        return ""
    # A hook of another repository sets GIT_DIR and more; they would name its commit.
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    # Looking must not write, for instance refresh the index.
    env |= {"GIT_OPTIONAL_LOCKS": "0", "GIT_CEILING_DIRECTORIES": str(root.parent)}
    try:
        done = subprocess.run(  # noqa: S603 - our own arguments
            # git refuses the checkout of another user. Ours runs this one's code already.
            [git, "-c", f"safe.directory={root.resolve()}", *_DESCRIBE],
            cwd=root,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            # As git stores them; a process with another locale must not have another release.
            encoding="utf-8",
            errors="replace",
            check=True,
            timeout=_DEADLINE_SECONDS,
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def _named(text: str) -> str:
    name = _REFUSED.sub("-", text.strip())[:_MAX_CHARS]
    return "" if name.lower() in _NO_NAMES else name
