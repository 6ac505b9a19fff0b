"""Classification of code as own or foreign: by folder, or by package if the application is installed like a library.

An application in ``site-packages`` or ``dist-packages`` (a wheel, a Debian package), an editable install or a zip file
is outside of its configured folders. Its packages are found by name, from the setting or else the project's own apps.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import PurePath

from designs.monitoring.fingerprint.frames import is_in_app
from designs.monitoring.fingerprint.own_packages import LIBRARIES, Packages, own_packages
from designs.monitoring.fingerprint.real_paths import spellings

__all__ = ["FOREIGN", "LIKELY", "OWN", "installed_module", "ownership", "ownership_in_event", "says_own"]

FOREIGN, LIKELY, OWN = 0, 1, 2
"""Classes of code. Likely code counts as own if the stack has no own code."""

_PACKAGES_FOLDER = re.compile(r".*[/\\](?:site|dist)-packages[/\\]", re.DOTALL)
_STANDARD_LIBRARY = re.compile(
    r"(?:.*[/\\])?lib(?:64|32)?[/\\](?:python|pypy)3\.\d+t?[/\\](?!(?:site|dist)-packages[/\\])"
    r"|[A-Za-z]:\\(?:.*\\)?Python3\d*\\lib\\(?!site-packages\\)"
    r"|(?:.*[/\\])?python3\d+\.zip[/\\]",
    re.IGNORECASE | re.DOTALL,
)
# Standard library modules that lead to an application, for frames whose path does not show it.
_PYTHON = frozenset(
    (
        *("asyncio", "concurrent", "contextlib", "functools", "importlib", "multiprocessing", "runpy", "socketserver"),
        *("threading", "wsgiref"),
    )
)


def ownership(module: str, filename: str) -> int:
    """Return the class of code: own if its file is below a root, or its module in an own package.

    Args:
        module: Name of the module. A script's ``__main__`` is classified by its file.
        filename: Its source file. Generated code is not own, in any module.
    """
    return OWN if is_in_app(filename) else _by_package(module, filename, own_packages())


@lru_cache(maxsize=8_192)
def _by_package(module: str, filename: str, packages: Packages) -> int:
    if _is_generated(filename):
        return FOREIGN
    names = [name for name in (module, _dotted_of(filename)) if name]
    if any(_is_in(name, packages.own) for name in names):
        return OWN
    return LIKELY if any(_is_in(name, packages.likely) for name in names) else FOREIGN


def _is_in(name: str, packages: Iterable[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def ownership_in_event(module: str, filename: str, flag: object, flags_count: bool = True) -> int:
    """Return the class of the code of an event's frame.

    An own package is own although the SDK flags all of ``site-packages`` as foreign. Otherwise the flag decides, except
    that standard library and generated code are never own.

    Args:
        module: The frame's module.
        filename: The path of its file, on any machine.
        flag: Its ``in_app``.
        flags_count: Result of `says_own` for the stack.
    """
    known = _by_package(module, filename, own_packages())
    if known == OWN or type(flag) is not bool:
        return OWN if known == OWN or is_in_app(filename) else known
    if not flag or _is_generated(filename) or _is_standard_library(filename) or _is_linked_package(filename):
        return known
    return OWN if not _is_installed(filename) or (flags_count and not _is_known(module)) else known


def says_own(flagged: Iterable[tuple[str, str, object]]) -> bool:
    """Return whether the flags of a stack distinguish own code from libraries.

    Older SDKs flag every frame as own if they recognize none. So does an SDK whose project root is ``/``.

    Args:
        flagged: Module, path and ``in_app`` of each frame.
    """
    own = [(module, path) for module, path, flag in flagged if flag is True]
    return not any(_is_standard_library(path) or (_is_known(module) and _is_installed(path)) for module, path in own)


def _is_installed(filename: str) -> bool:
    """Return whether a file belongs to a library by its path, or has no absolute path that shows it."""
    return bool(_dotted_of(filename)) or not (filename.startswith("/") or filename[1:2] == ":")


def _is_linked_package(filename: str) -> bool:
    """Return whether a path leads to installed packages by a link: the flag only describes the link's location."""
    return any(path != filename and _dotted_of(path) for path in spellings(filename))


def _is_known(module: str) -> bool:
    top = module.partition(".")[0]
    return top in LIBRARIES or top in _PYTHON


def _is_generated(filename: str) -> bool:
    # By the last part: the SDK turns such a name into a path below the working directory.
    return PurePath(filename).name.startswith("<")


def _is_standard_library(filename: str) -> bool:
    """Return whether a file, on any machine, belongs to the standard library."""
    return _STANDARD_LIBRARY.match(filename) is not None


def installed_module(filename: str) -> str:
    """Return a file's module, from its path below ``site-packages`` or the standard library; empty for other paths."""
    return _dotted(filename, _PACKAGES_FOLDER.match(filename) or _STANDARD_LIBRARY.match(filename))


def _dotted_of(filename: str) -> str:
    return _dotted(filename, _PACKAGES_FOLDER.match(filename))


def _dotted(filename: str, folder: re.Match[str] | None) -> str:
    if folder is None:
        return ""
    return filename[folder.end() :].replace("\\", "/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")
