"""State folder of a checkout, with the files of its embedded services."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

__all__ = ["socket_path"]

# sun_path of a unix socket holds 108 bytes on Linux and 104 on macOS, the final NUL included.
_SOCKET_PATH_MAX_BYTES = 103


def socket_path(state_dir: Path) -> Path:
    """Return the path of the embedded Valkey's socket: in the state directory, elsewhere if that path is too long."""
    path = state_dir / "valkey.sock"
    if len(os.fsencode(path)) <= _SOCKET_PATH_MAX_BYTES:
        return path
    digest = hashlib.sha256(os.fsencode(state_dir)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"enginel-{os.getuid()}-{digest}" / "valkey.sock"
