"""What a stack frame says about itself: whether it is ours, its module, and recursion among its neighbours."""

from __future__ import annotations

import sysconfig
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import PurePath

from designs.conf import conf

__all__ = ["collapse_cycles", "is_in_app", "module_of"]

_LONGEST_CYCLE = 16
_FOREIGN_PARTS = ("/site-packages/", "/dist-packages/")
_STDLIB = sysconfig.get_paths()["stdlib"]


def is_in_app(filename: str) -> bool:
    """Tell whether a source file belongs to the application and not to a library or generated code."""
    return _is_below(filename, conf.in_app_roots)


@lru_cache(maxsize=4096)
def _is_below(filename: str, roots: tuple[str, ...]) -> bool:
    path = filename.replace("\\", "/")
    if path.startswith(("<", f"{_STDLIB}/")) or any(part in path for part in _FOREIGN_PARTS):
        return False
    return any(root and path.startswith(f"{root.rstrip('/')}/") for root in roots)


def module_of(module_globals: Mapping[str, object], filename: str) -> str:
    """Return the frame's module; a script run as ``__main__`` goes by its file's stem."""
    name = module_globals.get("__name__")
    if isinstance(name, str) and name not in {"__main__", "__mp_main__"}:
        return name
    return PurePath(filename).stem


def collapse_cycles(names: Sequence[str]) -> list[str]:
    """Return the names with each run of a repeated cycle (up to 16 long) kept once.

    Recursion of any depth, mutual recursion included, then reads the same.
    """
    kept: list[str] = []
    for name in names:
        kept.append(name)
        for length in range(1, min(_LONGEST_CYCLE, len(kept) // 2) + 1):
            if kept[-length:] == kept[-2 * length : -length]:
                del kept[-length:]
                break
    return kept
