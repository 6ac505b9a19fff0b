"""Name of the running release: the setting, else the commit of this checkout, else the version of the package.

Read once, when settings load. Records, groups, /metrics, traces and Sentry all use ``ENGINEL_RELEASE``.
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
# Characters and names that Sentry refuses for releases.
_REFUSED = re.compile(r"[\s/\\\x00-\x1f\x7f]+")
_NO_NAMES = frozenset({"", ".", "..", "latest"})
_DESCRIBE = ("-c", "core.fsmonitor=false", "describe", "--tags", "--always", "--dirty")


def release_of(root: Path, stated: str = "") -> str:
    """Return the name of the running release, never empty.

    Args:
        root: Folder of the code. It counts as a checkout only if it is the top folder of one.
        stated: The value that the deployment set.
    """
    return _named(stated) or _named(_described(root)) or VERSION


def _described(root: Path) -> str:
    """Return the output of ``git describe`` for a checkout; empty without git or a checkout."""
    git = shutil.which("git") if (root / ".git").exists() else None
    if git is None:
        return ""
    # A hook of another repository sets GIT_DIR and more; git would then describe that repository.
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    # Must not write, for instance refresh the index.
    env |= {"GIT_OPTIONAL_LOCKS": "0", "GIT_CEILING_DIRECTORIES": str(root.parent)}
    try:
        done = subprocess.run(  # noqa: S603 - our own arguments
            # git refuses the checkout of another user. This process runs the code of this one already.
            [git, "-c", f"safe.directory={root.resolve()}", *_DESCRIBE],
            cwd=root,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            # The encoding that git stores; the release must not depend on the locale of the process.
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
