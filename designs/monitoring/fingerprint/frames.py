"""Classification of stack frames: own code or not, module, function name, and recursion."""

from __future__ import annotations

import re
import sysconfig
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import PurePath

from designs.conf import conf
from designs.monitoring.fingerprint.real_paths import folders_of, spellings

__all__ = [
    "clean_name",
    "collapse_cycles",
    "collapse_line",
    "is_comprehension",
    "is_in_app",
    "is_plumbing",
    "module_of",
    "scope_of",
]

_LONGEST_CYCLE = 16
_MAX_LINE_CHARS = 120
_FOREIGN_PARTS = ("/site-packages/", "/dist-packages/")
_STDLIBS = tuple(f"{path}/" for path in spellings(sysconfig.get_paths()["stdlib"]))
_SCRIPTS = frozenset({"__main__", "__mp_main__"})
# These modules wrap the application's code, as a library does: enabling them must not regroup the wrapped code.
_PLUMBING = (
    "designs.monitoring", "designs.middleware", "designs.worker.error_signals", "designs.worker.lost_tasks",
    "designs.context_propagation",
)  # fmt: skip
_COMPREHENSIONS = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>"})
_EXPRESSIONS = frozenset({"<lambda>", "<genexpr>"})
# Notebook cells and lines of the interactive interpreter: each has its own name or file.
_CELL = re.compile(r"<i?python-input-|.{0,500}[/\\](?:ipykernel|xpython)_\d{1,20}[/\\]")
_COUNTER = re.compile(r"_?0x[0-9a-fA-F]{1,32}+|(?<=[-_])\d{1,20}+(?=>)")


def is_in_app(filename: str) -> bool:
    """Return whether a source file belongs to the application and not to a library or generated code."""
    return _is_below(filename, conf.in_app_roots)


@lru_cache(maxsize=4096)
def _is_below(filename: str, roots: tuple[str, ...]) -> bool:
    if filename.startswith("<"):
        return False
    paths = spellings(filename.replace("\\", "/"))
    # One foreign spelling is enough: installers may link a library's files to a cache elsewhere.
    if any(path.startswith(_STDLIBS) or any(part in path for part in _FOREIGN_PARTS) for path in paths):
        return False
    return any(path.startswith(folders_of(roots)) for path in paths)


def is_plumbing(module: str) -> bool:
    """Return whether a module of this project only wraps application code."""
    return module.startswith(_PLUMBING) and any(module == name or module.startswith(f"{name}.") for name in _PLUMBING)


def module_of(module_globals: Mapping[str, object], filename: str) -> str:
    """Return the frame's module; for a script run as ``__main__``, the stem of its file name."""
    name = module_globals.get("__name__")
    if isinstance(name, str) and name not in _SCRIPTS:
        return name
    if _CELL.match(filename) is not None:
        return "<cell>"
    # An event may come from Windows.
    return PurePath(filename.replace("\\", "/")).stem


def clean_name(function: str) -> str:
    """Return a function's name without ``<locals>``, comprehensions and the counters of generated names."""
    function = function.replace("<locals>.", "")
    if "comp>" in function:
        function = ".".join([part for part in function.split(".") if part not in _COMPREHENSIONS])
    return _COUNTER.sub("", function)


def is_comprehension(function: str) -> bool:
    """Return whether a function is a list, set or dict comprehension; these have no frames since Python 3.12."""
    return function.endswith("comp>") and function.rpartition(".")[2] in _COMPREHENSIONS


def scope_of(function: str) -> str:
    """Return ``<lambda>`` or ``<genexpr>`` for a function that is part of a larger statement; else an empty string."""
    bare = function.rpartition(".")[2]
    return bare if bare in _EXPRESSIONS else ""


def collapse_line(line: str) -> str:
    """Return a source line with its white space collapsed, cut to 120 characters."""
    return " ".join(line.split())[:_MAX_LINE_CHARS]


def collapse_cycles(names: Sequence[str]) -> Sequence[str]:
    """Return the names with each run of a repeated cycle (up to 16 long) kept once.

    Recursion of any depth, mutual recursion included, then reads the same.
    """
    if len(set(names)) == len(names):
        return names
    kept: list[str] = []
    seen: set[str] = set()
    for name in names:
        kept.append(name)
        if name not in seen:
            # A first occurrence cannot end a cycle; most names in a stack occur once.
            seen.add(name)
            continue
        for length in range(1, min(_LONGEST_CYCLE, len(kept) // 2) + 1):
            if kept[-length - 1] == name and kept[-length:] == kept[-2 * length : -length]:
                del kept[-length:]
                break
    return kept
