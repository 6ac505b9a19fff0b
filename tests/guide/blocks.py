"""The code blocks of docs/guide.md, each under a name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

__all__ = ["GUIDE", "NAMES", "block", "languages", "run"]

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guide.md"
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)

# In the order of the guide.
NAMES = (
    "exceptions",
    "error tracker",
    "performance monitor",
    "metrics collector",
    "health checker",
    "health request",
    "health answer",
    "detailed health request",
    "detailed health answer",
    "dashboard request",
    "dashboard answer",
    "errors request",
    "errors answer",
    "performance request",
    "raising exceptions",
    "errors in views",
    "celery task",
    "manual timing",
    "hierarchy",
    "log line",
    "nginx",
    "aws",
    "kubernetes",
    "queries",
    "alerts",
    "test of errors",
    "test of health",
)


def _found() -> list[re.Match[str]]:
    return list(_BLOCK.finditer(GUIDE.read_text()))


def languages() -> dict[str, str]:
    """Return the language of each block, by name."""
    return {name: match[1] for name, match in zip(NAMES, _found(), strict=True)}


def block(name: str) -> str:
    """Return the text of a block."""
    return _found()[NAMES.index(name)][2]


def run(name: str, **names: Any) -> dict[str, Any]:
    """Execute a Python block with the names it leaves open, and return its namespace.

    The lines are those of the guide, so that a traceback names the place.
    """
    match = _found()[NAMES.index(name)]
    first_line = GUIDE.read_text()[: match.start(2)].count("\n")
    namespace: dict[str, Any] = {"__name__": "guide", **names}
    exec(compile("\n" * first_line + match[2], str(GUIDE), "exec"), namespace)
    return namespace
