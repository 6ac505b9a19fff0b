"""Detection of stack frames that handle file content: their local variables are never sent, for any design.

A module handles file content if it belongs to the packages that read files, or imports names that those define. So a
new module is recognized by its imports. Frames called from such a frame, in any library, receive the content too. A
monitoring wrapper around it holds its arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import FrameType, FunctionType, ModuleType

from designs.monitoring.fingerprint.frames import is_plumbing

__all__ = ["first_with_content", "handles_content"]

# With a trailing dot, so that the prefix matches the package itself and its modules only.
_READERS = ("designs.cad.", "designs.design_files.", "designs.uploads.")
# Libraries that receive whole files. Their import is no evidence, because too many modules import them.
_LIBRARIES = ("django.core.files.", "django.http.multipartparser.")
_MAX_NAMES = 2_000


def first_with_content(frames: Sequence[FrameType]) -> int:
    """Return the index of the outermost frame that handles content, outermost first; the frame count if none does."""
    known: dict[int, bool] = {}
    for place, frame in enumerate(frames):
        names = frame.f_globals
        if id(names) not in known:
            known[id(names)] = handles_content(names)
        if known[id(names)]:
            return _with_wrappers(frames, place)
    return len(frames)


def handles_content(names: dict[str, object]) -> bool:
    """Return whether a module, given by its globals, reads files or imports from a module that does."""
    name = names.get("__name__")
    if type(name) is str and f"{name}.".startswith((*_READERS, *_LIBRARIES)):
        return True
    # Check types only: attribute access on lazy objects and foreign classes would run their code.
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
