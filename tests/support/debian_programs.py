"""Programs of Debian packages that some tests drive: without one a test skips, or fails where CI demands them all."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

_ADMIN_FOLDERS = ("/usr/sbin", "/usr/lib/postgresql/15/bin")


def needs(program: str, package: str) -> str:
    """Return the path of a program; skip the test without it, or fail where ENGINEL_REQUIRE_SERVICES is set."""
    path = shutil.which(program) or next(
        (str(found) for folder in _ADMIN_FOLDERS if (found := Path(folder) / program).exists()), None
    )
    if path is None:
        reason = f"{program} is not installed (Debian package {package})"
        if os.environ.get("ENGINEL_REQUIRE_SERVICES"):
            pytest.fail(reason)
        pytest.skip(reason)
    return path
