"""Places of frames for aliases: function and surrounding source, for own and foreign code alike.

Own code differs by settings and deployment, and an alias must not. So all frames count in the same way: by their
qualified name, the lines around the current one, and the statement if it extends beyond them, without line numbers. Two
statements of one function are two places.
"""

from __future__ import annotations

import hashlib
import linecache
from collections.abc import Iterable, Mapping
from types import CodeType, FrameType, TracebackType
from typing import Any

from designs.conf import conf
from designs.monitoring.fingerprint.frames import clean_name, is_comprehension, module_of
from designs.monitoring.fingerprint.qualnames import qualified_name
from designs.monitoring.fingerprint.statements import statement_beyond, statement_beyond_in_event

__all__ = ["event_places", "live_places"]

_MAX_FRAMES = 20_000
_MAX_CODES = 8_192
_MAX_LINE_CHARS = 500
_LINES_AROUND = 5
"""Lines before and after the current one, as in the events of Sentry's SDK."""

_HIDDEN = frozenset({"__traceback_hide__", "__tracebackhide__"})


class _Function:
    """The places of one code object. The object is kept alive so that its id stays unique."""

    __slots__ = ("by_instruction", "code", "is_hidden", "name")

    def __init__(self, code: CodeType, frame: FrameType) -> None:
        module = module_of(frame.f_globals, code.co_filename)
        self.code = code
        # For frozen and generated code the bare name counts: events cannot look up a qualified name without a file.
        name = code.co_name if code.co_filename.startswith("<") else code.co_qualname
        self.name = f"{module}.{clean_name(name)}"
        # The SDK omits the same frames from its events, and Python 3.12 and later have none for comprehensions.
        self.is_hidden = (
            module.startswith("sentry_sdk.")
            or not _HIDDEN.isdisjoint(code.co_varnames)
            or is_comprehension(code.co_name)
        )
        self.by_instruction: dict[int, str] = {}

    def place(self, instruction: int, number: int | None) -> str:
        lines: list[str] = []
        # Instructions that the compiler adds have no line.
        if instruction >= 0 and number:
            first = max(number - 1 - _LINES_AROUND, 0)
            filename = self.code.co_filename
            lines = linecache.getlines(filename)[first : number + _LINES_AROUND]
            lines = _marked(lines, number - 1 - first)
            if beyond := statement_beyond(filename, number, _LINES_AROUND):
                lines.append(beyond)
        found = self.by_instruction[instruction] = _digest(self.name, lines)
        return found


_functions: dict[int, _Function] = {}


def live_places(traceback: TracebackType | None) -> list[str]:
    """Return the places of a traceback's frames, innermost last."""
    if len(_functions) > _MAX_CODES:
        _functions.clear()
    places: list[str] = []
    known, with_lines = _functions, conf.fingerprint_source_line
    while traceback is not None and len(places) < _MAX_FRAMES:
        frame = traceback.tb_frame
        code = frame.f_code
        function = known.get(id(code))
        if function is None:
            function = known[id(code)] = _Function(code, frame)
        if not function.is_hidden:
            instruction = traceback.tb_lasti if with_lines else -1
            place = function.by_instruction.get(instruction)
            places.append(place or function.place(instruction, traceback.tb_lineno))
        traceback = traceback.tb_next
    return places


def event_places(frames: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the places of the frames of a Sentry event: those of its traceback, if the event contains enough."""
    places, with_lines = [], conf.fingerprint_source_line
    for frame in frames:
        shown = frame.get("vars")
        if is_comprehension(_text(frame, "function")):
            continue
        if _text(frame, "module").startswith("sentry_sdk.") or (type(shown) is dict and not _HIDDEN.isdisjoint(shown)):
            continue
        places.append(_digest(_name_in(frame), _lines_of(frame) if with_lines else ()))
    return places


def _name_in(frame: Mapping[str, Any]) -> str:
    stated, function, number = _text(frame, "module"), _text(frame, "function"), frame.get("lineno")
    path, short = _text(frame, "abs_path") or _text(frame, "filename"), _text(frame, "filename")
    if not function:
        return f"{stated} {short or path} {number}"
    if type(number) is int:
        function = qualified_name(stated, path, function, number)
    name = f"{module_of({'__name__': stated or None}, path)}.{clean_name(function)}"
    return name if stated else f"{name} {short or path}"


def _lines_of(frame: Mapping[str, Any]) -> list[str]:
    before, after = frame.get("pre_context"), frame.get("post_context")
    before = [line for line in before[-_LINES_AROUND:] if type(line) is str] if type(before) is list else []
    after = [line for line in after[:_LINES_AROUND] if type(line) is str] if type(after) is list else []
    running = frame.get("context_line")
    found = _marked([*before, running, *after], len(before)) if type(running) is str else [*before, *after]
    number = frame.get("lineno")
    if type(number) is int:
        path, text = _text(frame, "abs_path") or _text(frame, "filename"), _text(frame, "context_line")
        if beyond := statement_beyond_in_event(_text(frame, "module"), path, number, text, _LINES_AROUND):
            found.append(beyond)
    return found


def _marked(lines: list[str], running: int) -> list[str]:
    """Return the lines, with the current one marked if they are the whole of a short file.

    In such a file, the surrounding lines do not distinguish one line from another.
    """
    is_short = running < _LINES_AROUND and running < len(lines) <= running + _LINES_AROUND
    if not is_short or len(lines) == 1:
        return lines
    return [*lines[:running], f"> {lines[running]}", *lines[running + 1 :]]


def _text(frame: Mapping[str, Any], name: str) -> str:
    value = frame.get(name)
    return value if type(value) is str else ""


def _digest(name: str, lines: Iterable[str]) -> str:
    text = "\n".join([name, *[" ".join(line.split())[:_MAX_LINE_CHARS] for line in lines]])
    return hashlib.blake2b(text.encode("utf-8", "backslashreplace"), digest_size=8).hexdigest()
