"""``python -m enginel run`` and ``python -m enginel demo``."""

from __future__ import annotations

import os
import sys

from enginel.local.cli import main
from enginel.local.private import PRIVATE_UMASK

if __name__ == "__main__":
    os.umask(PRIVATE_UMASK)
    sys.exit(main(sys.argv[1:]))
