"""Which frames handle the content of design files: their locals never leave, whatever the design.

A module handles it if it belongs to the packages that read files, or works with what those define. So one that begins
to, anywhere, is known from its imports. What such a frame calls, in whatever library, is handed the content too; and a
wrapper of the monitoring around it holds its arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import FrameType, FunctionType, ModuleType

from designs.monitoring.fingerprint.frames import is_plumbing

__all__ = ["first_with_content", "handles_content"]

# With the dot behind: what begins so is the package itself or below it.
_READERS = ("designs.cad.", "designs.design_files.", "designs.uploads.")
# Libraries that are handed whole files. Too much imports from them for that to say anything.
_LIBRARIES = ("django.core.files.", "django.http.multipartparser.")
_MAX_NAMES = 2_000


def first_with_content(frames: Sequence[FrameType]) -> int:
    """Return the place of the outermost frame that handles content, outermost frames first; their number if none."""
    known: dict[int, bool] = {}
    for place, frame in enumerate(frames):
        names = frame.f_globals
        if id(names) not in known:
            known[id(names)] = handles_content(names)
        if known[id(names)]:
            return _with_wrappers(frames, place)
    return len(frames)


def handles_content(names: dict[str, object]) -> bool:
    """Return whether a module, given by its names, reads files or works with what does."""
    name = names.get("__name__")
    if type(name) is str and f"{name}.".startswith((*_READERS, *_LIBRARIES)):
        return True
    # By type: lazy objects, and classes of others, would run code of theirs.
    for value in list(names.values())[:_MAX_NAMES]:
        kind = type(value)
        if kind is FunctionType or kind is type or issubclass(kind, type):
            if _is_reader(_home_of(value)):
                return True
        elif kind is ModuleType and _is_reader(vars(value).get("__name__")):
            return True
    return False


def _home_of(value: object) -> object:
    if type(value) is FunctionType:
        return value.__module__
    return type.__getattribute__(value, "__dict__").get("__module__")


def _is_reader(name: object) -> bool:
    return type(name) is str and f"{name}.".startswith(_READERS)


def _with_wrappers(frames: Sequence[FrameType], place: int) -> int:
    while place and is_plumbing(str(frames[place - 1].f_globals.get("__name__"))):
        place -= 1
    return place
