"""Benchmark of the CAD workload: files per minute, the scanner beside the kernel's reader, and memory for large files.

Method. Separate processes, one file at a time. Files per minute are sample files, scanned, with bill of materials and
geometry, as the tasks process them. CPU time includes the kernel's host and its children. The scanner and the kernel's
``ReadFile`` read the same file by turns in one process; the table shows the least time of some rounds, and its growth
for twice and four times the file. A large file is the assembly of the sample, repeated under new identifiers. Memory is
the rise of a new process's peak while it reads one file.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

from designs.cad import bill_of_materials, extract_geometry, length_unit, scan_iges, scan_step, shutdown_kernel
from designs.cad.kernel import _own
from designs.cad.sniff import FileKind
from enginel.sample.corpus import GOOD, sample_path

__all__ = ["run"]

PART = "as1-oc-214.stp"
ROUNDS = 3
MEGABYTE = 1_000_000
SIZES_MB = (1, 10, 100)
# The kernel takes 5 seconds and a gigabyte for ten megabytes.
KERNEL_SIZES_MB = (1, 10)
DEADLINE_SECONDS = 60.0
MEMORY_BYTES = 4 * 1024**3


def run() -> None:
    """Print speed and memory of the workload."""
    with tempfile.TemporaryDirectory(prefix="enginel-bench-") as folder:
        _end_to_end()
        _scanner_and_reader(Path(folder))
        _memory(Path(folder))


# --- files a minute -----------------------------------------------------------------------------------
def _end_to_end() -> None:
    try:
        pid = _own.running().process.pid  # type: ignore[union-attr]
        _process_all()
        rounds, cpu, wall = 3, _cpu_seconds(pid), time.perf_counter()
        stages = [_process_all() for _ in range(rounds)]
        cpu, wall = _cpu_seconds(pid) - cpu, time.perf_counter() - wall
    finally:
        shutdown_kernel()
    files = rounds * len(GOOD)
    print(f"\n{len(GOOD)} sample files end to end, one at a time: scan, bill of materials, geometry")
    print(f"  {60 * files / wall:>8.0f} files a minute   {60 * files / cpu:>8.0f} files a minute and core (CPU time)")
    for name, place in (("scan and unit", 0), ("bill of materials", 1), ("geometry", 2)):
        taken = sum(times[place] for times in stages)
        print(f"  {name:<20} {1000 * taken / files:>8.1f} ms a file   {100 * taken / wall:>4.0f} % of the time")


def _process_all() -> tuple[float, float, float]:
    """Process each sample file once; return the seconds for each stage."""
    seconds = [0.0, 0.0, 0.0]
    for good in GOOD:
        path, kind, pieces = sample_path(good.name), FileKind(good.kind), 0
        # Each task scans the file by itself.
        marks = [time.perf_counter()]
        if kind is FileKind.STEP:
            length_unit(scan_step(path))
        else:
            scan_iges(path)
        marks.append(time.perf_counter())
        if kind is FileKind.STEP:
            pieces = bill_of_materials(scan_step(path)).pieces
        marks.append(time.perf_counter())
        scan = scan_step(path) if kind is FileKind.STEP else scan_iges(path)
        extract_geometry(
            path,
            kind,
            timeout_seconds=DEADLINE_SECONDS,
            memory_limit_bytes=MEMORY_BYTES,
            expected_pieces=pieces or None,
            damage=scan.damage,
        )
        marks.append(time.perf_counter())
        seconds = [total + end - start for total, (start, end) in zip(seconds, pairwise(marks), strict=True)]
    return seconds[0], seconds[1], seconds[2]


def _cpu_seconds(host: int) -> float:
    """Return the CPU time of this process, and of the kernel's host with the children that have ended."""
    after_name = Path(f"/proc/{host}/stat").read_text().rpartition(")")[2].split()
    return time.process_time() + sum(map(int, after_name[11:15])) / os.sysconf("SC_CLK_TCK")


# --- scanner and reader ------------------------------------------------------------------------------
def _scanner_and_reader(folder: Path) -> None:
    files = {good.name: sample_path(good.name) for good in GOOD if good.kind == "step"}
    files |= {f"{times} x {PART}": _repeated(folder, times) for times in (1, 2, 4)}
    measured: dict[str, tuple[float, float]] = _in_new_process(_read_by_turns, files)
    print("\nThe scanner beside the kernel's ReadFile, in turns, least of some rounds")
    for name, (ours, theirs) in measured.items():
        size = files[name].stat().st_size / MEGABYTE
        speeds = f"scanner {size / ours:>6.1f} MB/s   ReadFile {size / theirs:>6.1f} MB/s"
        print(f"  {name:<32} {size:>6.2f} MB   {speeds}   x {ours / theirs:.2f} of its time")
    for what, place in (("scanner", 0), ("ReadFile", 1)):
        times = [measured[f"{count} x {PART}"][place] for count in (1, 2, 4)]
        print(f"  {what:<32} twice the file: x {times[1] / times[0]:.2f}   four times: x {times[2] / times[0]:.2f}")


def _read_by_turns(files: dict[str, Path]) -> dict[str, tuple[float, float]]:
    """Return for each file the least seconds of the scanner and of the kernel's reader."""
    _quiet()
    least: dict[str, tuple[float, float]] = {}
    for name, path in files.items():
        rounds = [(_seconds(scan_step, path), _seconds(_kernel_reads, path)) for _ in range(ROUNDS)]
        least[name] = min(ours for ours, _ in rounds), min(theirs for _, theirs in rounds)
    return least


def _kernel_reads(path: Path) -> object:
    from OCP.STEPControl import STEPControl_Reader

    reader = STEPControl_Reader()
    reader.ReadFile(str(path))
    return reader


def _seconds(call: Callable[[Path], object], path: Path) -> float:
    began = time.perf_counter()
    kept = call(path)
    taken = time.perf_counter() - began
    # Freeing memory takes time too, but not that of a caller.
    del kept
    return taken


# --- memory ------------------------------------------------------------------------------------------
def _memory(folder: Path) -> None:
    print("\nMemory against the size of the file: how far the peak of a new process rises")
    unit = sample_path(PART).stat().st_size
    for name, call, sizes in (("scan", _scan_peak, SIZES_MB), ("ReadFile", _kernel_peak, KERNEL_SIZES_MB)):
        before = 0.0, 0.0
        for size_mb in sizes:
            path = _repeated(folder, max(1, round(size_mb * MEGABYTE / unit)))
            size = path.stat().st_size / MEGABYTE
            risen, seconds = _in_new_process(call, path)
            # Both have a base that does not depend on the file, so growth is measured between sizes.
            growth = f"   {(risen - before[1]) / (size - before[0]):>5.1f} MB more for each MB" if any(before) else ""
            before = size, risen
            print(f"  {name:<10} {size:>7.1f} MB   peak + {risen:>7.1f} MB   {seconds:>5.1f} s{growth}")


def _scan_peak(path: Path) -> tuple[float, float]:
    return _peak(lambda: bill_of_materials(scan_step(path)), sample_path(PART))


def _kernel_peak(path: Path) -> tuple[float, float]:
    _quiet()
    return _peak(lambda: _kernel_reads(path), sample_path(PART))


def _peak(call: Callable[[], object], warm: Path) -> tuple[float, float]:
    """Return the rise of the peak in MB, and the seconds; a small file first loads all modules."""
    scan_step(warm)
    before, began = _peak_bytes(), time.perf_counter()
    call()
    return (_peak_bytes() - before) / MEGABYTE, time.perf_counter() - began


def _peak_bytes() -> int:
    # Not the peak of `resource`, which a new program inherits from the process that started it.
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def _repeated(folder: Path, times: int) -> Path:
    """Write the assembly ``times`` times into one file; a prefix of fixed width keeps identifiers apart."""
    path = folder / f"{times}.step"
    if not path.exists():
        head, data, tail = _sections(sample_path(PART).read_bytes())
        with path.open("wb") as file:
            file.write(head)
            file.writelines(data.replace(b"#", b"#%d" % (1000 + number)) for number in range(times))
            file.write(tail)
    return path


def _sections(content: bytes) -> Iterable[bytes]:
    start = content.index(b"DATA;") + len(b"DATA;")
    end = content.rindex(b"ENDSEC;")
    return content[:start], content[start:end], content[end:]


def _in_new_process(call: Callable[[Any], Any], argument: Any) -> Any:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(call, (argument,))


def _quiet() -> None:
    """Discard the standard output of this process, to which the kernel prints."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
