"""``python -m enginel run`` and ``python -m enginel demo``."""

from __future__ import annotations

import sys

from enginel.local.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
