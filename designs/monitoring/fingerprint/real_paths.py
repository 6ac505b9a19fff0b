"""Resolution of symbolic links in paths, because the path of a checkout, or a path inside of it, may be a link."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path, PurePath

from django.conf import settings

__all__ = ["folders_of", "is_same_file", "spellings"]

_MAX_ENTRIES = 200


@lru_cache(maxsize=4_096)
def real_path(path: str) -> str:
    """Return the path with its links resolved; unchanged if it is relative and does not exist here."""
    try:
        return os.path.realpath(path) if PurePath(path).is_absolute() or Path(path).exists() else path
    except (OSError, ValueError):
        return path


def spellings(path: str) -> set[str]:
    """Return the given path and the one with its links resolved."""
    return {path, real_path(path)}


def is_same_file(first: str, second: str) -> bool:
    """Return whether both paths are of one file."""
    return first == second or (bool(second) and real_path(first) == real_path(second))


def folders_of(roots: tuple[str, ...]) -> tuple[str, ...]:
    """Return the folders of the roots, each with a trailing slash: as given, and with their links resolved.

    Relative roots start at ``BASE_DIR`` or the working directory. The result includes entries of ``sys.path`` that are
    links to a root. Called at start, it keeps them after a deployment has changed such a link to another release.
    """
    base = str(getattr(settings, "BASE_DIR", ""))
    relative = any(root and not PurePath(root).is_absolute() for root in roots)
    return _folders_of(roots, base, str(Path.cwd()) if relative else "")


@lru_cache(maxsize=64)
def _folders_of(roots: tuple[str, ...], base: str, working: str) -> tuple[str, ...]:
    named = {
        os.path.normpath(Path(start, root)) for root in roots if root for start in (base, working) if start or root
    }
    named -= {folder for folder in named if not PurePath(folder).is_absolute()}
    # A relative root must not make all code own: a daemon's working directory is "/".
    named -= {"/"} - set(roots)
    folders = named | {real_path(folder) for folder in named}
    folders |= {alias for folder in folders for alias in _aliases(folder)}
    return tuple(sorted(f"{folder.rstrip('/')}/" for folder in folders))


def _aliases(folder: str) -> Iterator[str]:
    """Yield other paths of a folder, or of folders in it, by the links in ``sys.path``."""
    for entry in sys.path[:_MAX_ENTRIES]:
        real = real_path(entry)
        if not PurePath(entry).is_absolute() or real == os.path.normpath(entry):
            continue
        if f"{real}/".startswith(f"{folder}/"):
            yield os.path.normpath(entry)
        elif f"{folder}/".startswith(f"{real}/"):
            yield os.path.normpath(entry) + folder[len(real) :]
