"""The statement at a line, from source that this process can read, or from the lines in an event.

A failing expression on the third line of a call belongs to the whole call, on all versions of the interpreter. For a
line in the header of a compound statement, only the header counts. If no statement is found, the line itself is used.
"""

from __future__ import annotations

import linecache
import sys
from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from pathlib import PurePath

from designs.monitoring.fingerprint.real_paths import is_same_file
from designs.monitoring.fingerprint.source_tokens import Lines, logical_line_within, long_lines
from designs.monitoring.fingerprint.statement_text import bounded, canonical

__all__ = ["loaded_file", "statement_at", "statement_beyond", "statement_beyond_in_event", "statement_in_event"]

_MAX_FILES = 256
_MAX_LINES = 30_000
_MAX_CHARS = 20_000
# Templates are also compiled to code, but their lines are not Python.
_PYTHON = frozenset({"", ".py", ".pyw", ".pyx"})

_files: dict[str, tuple[list[str], list[Lines] | None]] = {}


def statement_at(filename: str, line: int, scope: str = "") -> str | None:
    """Return the statement at a line of a file; None if the line cannot be read.

    Args:
        filename: The name from the code object or the module.
        line: Counted from 1.
        scope: See `canonical`.
    """
    lines = linecache.getlines(filename)
    if not 0 < line <= len(lines) or not lines[line - 1].strip():
        return None
    ranges = _long_lines_of(filename, lines)
    if ranges is None:
        return _physical(lines[line - 1])
    around = _around(ranges, line)
    return _text(lines, around, line, scope)


def statement_beyond(filename: str, line: int, reach: int) -> str:
    """Return the statement at a line of a file if it extends more than ``reach`` lines from there; else empty."""
    lines = linecache.getlines(filename)
    ranges = _long_lines_of(filename, lines) if 0 < line <= len(lines) else None
    around = _around(ranges or [], line)
    if around.first >= line - reach and around.last <= line + reach:
        return ""
    return _text(lines, around, line, "") or ""


def statement_beyond_in_event(module: str, path: str, line: int, text: str, reach: int) -> str:
    """Return `statement_beyond` for the frame of an event if its module is imported here; else empty."""
    loaded = loaded_file(module, path)
    number = _same_line(linecache.getlines(loaded), line, text) if loaded else 0
    return statement_beyond(loaded, number, reach) if number else ""


def statement_in_event(
    module: str, path: str, line: int, context: tuple[Sequence[str], str, Sequence[str]], scope: str = ""
) -> str | None:
    """Return the statement at the line of a frame of an event; None if the event has no line.

    The file is read if its module is imported here and has the same line as the event.

    Args:
        module: Name of the frame's module.
        path: Its file.
        line: Number of the line; 0 if unknown.
        context: The lines before, the line itself and the lines after it.
        scope: See `canonical`.
    """
    before, text, after = context
    loaded = loaded_file(module, path)
    if loaded and (number := _same_line(linecache.getlines(loaded), line, text)):
        return statement_at(loaded, number, scope)
    if not text.strip():
        return None
    lines, at = [*before, text, *after], len(before) + 1
    readable = PurePath(path).suffix in _PYTHON and sum(map(len, lines)) <= _MAX_CHARS
    found = logical_line_within(lines, at) if readable else None
    return _text([f"{one}\n" for one in lines], found, at, scope) if found is not None else _physical(text)


def loaded_file(module: str, path: str) -> str:
    """Return the file of an imported module if the path is of the same file; else empty."""
    loaded = getattr(sys.modules.get(module), "__file__", None)
    return loaded if isinstance(loaded, str) and is_same_file(loaded, path) else ""


def _around(ranges: list[Lines], line: int) -> Lines:
    place = bisect_right(ranges, line, key=lambda lines: lines.first) - 1
    return ranges[place] if place >= 0 and line <= ranges[place].last else Lines(line, line)


def _same_line(lines: list[str], line: int, text: str) -> int:
    """Return the number of the event's line if the file has the same line here; else 0."""
    if not 0 < line <= len(lines):
        return 0
    shown = text.strip()
    here = lines[line - 1].strip()
    if shown in {"", here} or (shown.endswith("...") and here.startswith(shown[:-3])):
        return line
    # The SDK counts form feeds as ends of lines when it extracts the context.
    counted = "".join(lines).splitlines()
    return line if line <= len(counted) and counted[line - 1].strip() == shown else 0


def _long_lines_of(filename: str, lines: list[str]) -> list[Lines] | None:
    known = _files.get(filename)
    if known is None or known[0] is not lines:
        if len(_files) >= _MAX_FILES:
            _files.clear()
        readable = len(lines) <= _MAX_LINES and PurePath(filename).suffix in _PYTHON
        known = _files[filename] = (lines, long_lines("".join(lines)) if readable else None)
    return known[1]


def _text(lines: Sequence[str], around: Lines, line: int, scope: str) -> str | None:
    source = "".join(lines[around.first - 1 : around.last])
    found = _canonical(source, scope, line - around.first + 1 if scope else 1) if len(source) <= _MAX_CHARS else None
    return found or _physical(lines[line - 1])


_canonical = lru_cache(maxsize=512)(canonical)


def _physical(line: str) -> str:
    return bounded(" ".join(line.split()))
