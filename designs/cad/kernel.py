"""Geometry extraction by the CAD kernel. It runs in separate processes, since it may crash or hang.

Each client process has one host (`kernel_host`), started at the first file and restarted after it ended.
The host imports the kernel once and forks a child per file. This module never imports the kernel.

A file with damage found by the scan always fails; the kernel decides how. If the kernel crashes, the failure is a
kernel crash, so that operators see it; if it does not answer, a timeout. After any other answer, success included,
the failure is a damaged file. Without an installed kernel it is a damaged file, too.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from designs.cad.expected import NOTHING_EXPECTED, Expected
from designs.cad.kernel_client import KernelHost, OwnHost
from designs.cad.sniff import FileKind
from designs.cad.summary import (
    MAX_PIECES_FOR_GEOMETRY,
    GeometrySummary,
    damaged,
    no_shape,
    summarize,
    too_many_pieces,
)
from designs.cad.unit_witness import NO_UNITS, ExpectedUnits, check_units
from designs.exceptions import GeometryProcessingError

__all__ = ["extract_geometry", "shutdown_kernel", "start_kernel"]

_own: Final = OwnHost()


def extract_geometry(  # noqa: PLR0913 - by keyword, and none of them belongs to another
    path: Path,
    kind: FileKind,
    *,
    timeout_seconds: float,
    memory_limit_bytes: int,
    expected: Expected = NOTHING_EXPECTED,
    damage: Sequence[str] = (),
    needs_rewrite: bool = False,
    warnings: Sequence[str] = (),
    units: ExpectedUnits = NO_UNITS,
) -> GeometrySummary:
    """Measure the solids of a file, or its faces when it has none.

    One file at a time per process: threads wait for each other. The timeout of a file starts when its run starts
    and excludes the start of the host.

    Args:
        timeout_seconds: Time after which the child is killed.
        memory_limit_bytes: Address space of the child; the kernel itself takes about 550 MB of it.
        expected: Contents by the text of the file; fewer solids than it defines or places are a failure.
        damage: Damage found by the scan; the file fails even if the kernel succeeds.
        needs_rewrite: The file uses syntax that the standard allows and the kernel does not read.
        warnings: Oddities found by the scan; the warnings of the summary begin with these.
        units: Units of the file; the kernel must read the same.

    Raises:
        TaskTimeoutError: When the deadline passed, or too many pieces are expected to meet it.
        GeometryProcessingError: When the file defines no shape, or the kernel crashed, ran out of memory, lost
            or could not make valid geometry, or is not installed (code ``kernel_not_installed``).
        UnitConversionError: When the kernel reads another unit than the file states.
        CorruptedFile: When the scan or the kernel finds the file damaged.
        InvalidFileFormat: When the path is no regular file.
        OSError: When the file cannot be read, or the system starts no more processes.
    """
    if expected.most_pieces > MAX_PIECES_FOR_GEOMETRY:
        raise too_many_pieces(expected.most_pieces)
    if not damage and expected.is_empty:
        raise no_shape(kind)
    request = {
        "path": str(path.absolute()),
        "kind": str(kind),
        "timeout_seconds": timeout_seconds,
        "memory_limit_bytes": memory_limit_bytes,
        "needs_rewrite": needs_rewrite or units.are_odd,
        "odd_units": units.are_odd,
        "options": {
            "meshes": expected.meshes if expected.bodies else "measured",
            "contexts": list(units.contexts),
        },
    }
    with _own.lock:
        host = _running_host(damage)
        answer = host.ask(request, timeout_seconds)
    if not damage:
        check_units(answer, units)
    return summarize(answer, kind, host.version, expected, damage=damage, warnings=(*units.warnings, *warnings))


def _running_host(damage: Sequence[str]) -> KernelHost:
    try:
        return _own.running()
    except GeometryProcessingError as e:
        if damage:
            raise damaged(damage, {"kernel": e.code}) from e
        raise


def start_kernel() -> None:
    """Start this process's host before the first file, unless it runs; do not wait for it.

    Never raises: a missing kernel is reported with the first file.
    """
    # Another thread holds the lock, so it has started the host.
    if not _own.lock.acquire(blocking=False):
        return
    try:
        with contextlib.suppress(GeometryProcessingError, OSError):
            _own.started()
    finally:
        _own.lock.release()


def shutdown_kernel() -> None:
    """End this process's host and the file it works on."""
    _own.shut_down()
