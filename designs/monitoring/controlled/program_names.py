"""Distinction of names that the program defines from names of types and frames that may hold data. Pure.

The program defines a type if an imported module contains it under its name. It defines a frame if the code is in the
file of such a module, inside an object of the module. This check is needed because types and functions can be created
with any name, and code can be compiled with any file name.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from itertools import islice
from traceback import FrameSummary, StackSummary, extract_tb
from types import ModuleType, TracebackType

from designs.monitoring.untrusted.clean_text import clean_name, type_name, type_names
from designs.monitoring.untrusted.exceptions import is_exception, led_to_by, members_of, traceback_of

__all__ = [
    "WITHHELD_NAME",
    "foreign_names",
    "format_known_frames",
    "is_known_frame",
    "is_known_type",
    "known_stack",
    "known_type_name",
    "known_type_names",
]

WITHHELD_NAME = "[withheld]"

_MAIN = "__main__"
_MAX_EXCEPTIONS = 50
_MAX_FRAMES = 200
_MIN_NAME_CHARS = 3
_FRAME_LINE = re.compile(r'  File "(?P<path>[^"]*)", line (?P<line>\d+), in ')


def is_known_type(module: str, name: str) -> bool:
    """Return whether an imported module has a class under this qualified name."""
    found: object = _module(module)
    if found is None:
        return False
    for part in name.split("."):
        names = vars(found) if isinstance(found, ModuleType | type) else {}
        found = names.get(part)
    return isinstance(found, type)


def is_known_frame(module: str, path: str, function: str) -> bool:
    """Return whether code is in the file of an imported module, inside an object of that module."""
    found = _module(module)
    if found is None:
        return False
    file = vars(found).get("__file__")
    if path not in (file, f"<frozen {module}>"):
        return False
    outermost = function.partition(".")[0]
    # Python itself assigns names such as <module> and <lambda>.
    return outermost.startswith("<") or outermost in vars(found)


def known_type_name(value: object) -> str:
    """Return the qualified name of a value's type, as `type_name` does; withheld if the program does not define it."""
    return type_name(value) if _has_known_type(value) else WITHHELD_NAME


def known_type_names(value: object) -> tuple[str, str]:
    """Return a type's module and bare name, as `type_names` does; withheld if the program does not define it."""
    return type_names(value) if _has_known_type(value) else ("", WITHHELD_NAME)


def format_known_frames(first: TracebackType, most: int) -> list[str]:
    """Return the last frames of a traceback as text; frames that the program does not define keep only a number."""
    summaries = extract_tb(first, limit=-most)
    steps = list(_steps(first))[-len(summaries) :]
    return StackSummary.from_list(
        [
            summary
            if _is_known_step(step)
            else FrameSummary(WITHHELD_NAME, summary.lineno, WITHHELD_NAME, lookup_line=False, line="")
            for summary, step in zip(summaries, steps, strict=True)
        ]
    ).format()


def known_stack(text: str) -> str:
    """Return the text of a stack; frames outside of the files of imported modules keep only their line numbers."""
    files = {vars(module).get("__file__") for module in list(sys.modules.values()) if isinstance(module, ModuleType)}
    kept: list[str] = []
    is_known = True
    for line in text.splitlines():
        frame = _FRAME_LINE.match(line)
        if frame is not None:
            is_known = frame["path"] in files
            kept.append(line if is_known else f'  File "{WITHHELD_NAME}", line {frame["line"]}, in {WITHHELD_NAME}')
        elif is_known:
            kept.append(line)
    return "\n".join(kept)


def foreign_names(exc: BaseException) -> set[str]:
    """Return the names in an exception, its chain and its groups that may hold data; mostly none."""
    names: set[str] = set()
    for link in _related(exc):
        if not _has_known_type(link):
            module, bare = type_names(link)
            names.update((bare, *type_name(link).split("."), *(() if _module(module) else module.split("."))))
        for step in islice(_steps(traceback_of(link)), _MAX_FRAMES):
            if not _is_known_step(step):
                code, module = step.tb_frame.f_code, str(step.tb_frame.f_globals.get("__name__"))
                names.update((*code.co_qualname.split("."), *(() if _module(module) else module.split("."))))
                names.add(code.co_filename.replace("\\", "/").rpartition("/")[2].partition(".")[0])
    return {clean_name(name) for name in names if len(name) >= _MIN_NAME_CHARS and not name.startswith("<")}


def _module(name: object) -> ModuleType | None:
    """Return an imported module; None if it is missing or was created at run time, without a spec."""
    found = sys.modules.get(name) if type(name) is str else None
    if not isinstance(found, ModuleType):
        return None
    return found if name == _MAIN or vars(found).get("__spec__") is not None else None


def _has_known_type(value: object) -> bool:
    kind = type(value)
    try:
        module, name, bare = kind.__module__, kind.__qualname__, kind.__name__
    except Exception:  # noqa: BLE001 - a metaclass may do anything
        return False
    if not (type(module) is type(name) is type(bare) is str):
        return False
    return name.rpartition(".")[2] == bare and is_known_type(module, name)


def _is_known_step(step: TracebackType) -> bool:
    code = step.tb_frame.f_code
    module = step.tb_frame.f_globals.get("__name__")
    return type(module) is str and is_known_frame(module, code.co_filename, code.co_qualname)


def _steps(step: TracebackType | None) -> Iterator[TracebackType]:
    while step is not None:
        yield step
        step = step.tb_next


def _related(exc: BaseException) -> Iterator[BaseException]:
    waiting, seen = [exc], set[int]()
    while waiting and len(seen) < _MAX_EXCEPTIONS:
        link = waiting.pop()
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        if is_exception(led := led_to_by(link)):
            waiting.append(led)
        if issubclass(type(link), BaseExceptionGroup):
            waiting.extend(members_of(link)[:_MAX_EXCEPTIONS])
