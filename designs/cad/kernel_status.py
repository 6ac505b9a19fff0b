"""Availability of the CAD kernel, checked without importing it."""

from __future__ import annotations

import ctypes
import importlib.util
import logging
from dataclasses import dataclass
from importlib import metadata
from typing import Any, Final

from designs.cad.sandbox import SandboxReport, available_mechanisms

__all__ = ["KernelStatus", "kernel_status", "log_sandbox", "sandbox_status"]

_log = logging.getLogger("enginel.kernel")

_DISTRIBUTIONS: Final = ("cadquery-ocp-novtk", "cadquery-ocp")
# The wheel does not include these two, even in its variant without VTK.
_SYSTEM_LIBRARIES: Final = {"libGL.so.1": "libgl1", "libX11.so.6": "libx11-6"}


@dataclass(frozen=True, slots=True)
class KernelStatus:
    """Whether geometry can be extracted here; ``message`` states the missing part and how to install it."""

    installed: bool
    version: str | None
    message: str


def kernel_status() -> KernelStatus:
    """Return whether the kernel's package and the system libraries it needs are installed."""
    version = _version()
    if importlib.util.find_spec("OCP") is None:
        return KernelStatus(False, None, "The CAD kernel is not installed: install requirements/cad.txt.")
    missing = [package for library, package in _SYSTEM_LIBRARIES.items() if not _loads(library)]
    if missing:
        packages = " ".join(missing)
        return KernelStatus(False, version, f"The CAD kernel needs system libraries: apt-get install {packages}.")
    return KernelStatus(True, version, f"The CAD kernel is installed ({version or 'unknown version'}).")


def sandbox_status() -> SandboxReport:
    """Return the sandbox mechanisms that Linux offers for the process that reads files. Namespaces are not tried."""
    return available_mechanisms()


def log_sandbox(report: dict[str, Any]) -> None:
    """Log the sandbox of the process that reads files; as a warning when it is incomplete."""
    if report["not_prevented"]:
        _log.warning(
            "The CAD kernel's process is confined in part. A hostile file may make it: %s.",
            ", ".join(report["not_prevented"]),
            extra=report,
        )
    else:
        _log.info("The CAD kernel's process is confined to the file it reads.", extra=report)


def _version() -> str | None:
    for name in _DISTRIBUTIONS:
        try:
            return f"{name} {metadata.version(name)}"
        except metadata.PackageNotFoundError:
            continue
    return None


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
