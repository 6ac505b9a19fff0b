"""Geometry of a file by the CAD kernel, which runs in processes of its own: it may crash or never answer.

Each process that asks has one host (`kernel_host`), started at the first file and restarted when it is gone.
The host imports the kernel once and forks a child per file. This module never imports the kernel.

A file the scan found damage in can only fail; the kernel is asked how. One that kills it is a crash of the
kernel, which operators must see as such, and one it does not answer to a timeout. Whatever else it says,
success included, the file is damaged. So it is, unasked, where there is no kernel.
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

    One file at a time per process: threads wait for each other, and the time of a file begins with its turn.
    The time of starting the host is not counted against it.

    Args:
        timeout_seconds: When the child is killed.
        memory_limit_bytes: Address space of the child; the kernel itself takes about 550 MB of it.
        expected: What the file holds by its text; fewer solids than it defines or places are a failure.
        damage: What the scan found; then all success is failure.
        needs_rewrite: The scan found what the standard allows and the kernel does not read.
        warnings: What the scan found odd; the warnings of the summary begin with these.
        units: Units of the file; the kernel must read the same.

    Raises:
        TaskTimeoutError: When the deadline passed, or so many pieces are expected that it would.
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
    """Start this process's host ahead of the first file, if it is not running; does not wait for it.

    Never raises: where there is no kernel, the first file is told.
    """
    # Whoever holds the lock has started it.
    if not _own.lock.acquire(blocking=False):
        return
    try:
        with contextlib.suppress(GeometryProcessingError, OSError):
            _own.started()
    finally:
        _own.lock.release()


def shutdown_kernel() -> None:
    """End this process's host and whatever it is working on."""
    _own.shut_down()
