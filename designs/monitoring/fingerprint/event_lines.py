"""Source line of an exception in Sentry's event JSON: the line of its innermost own frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from designs.monitoring.fingerprint.frames import is_comprehension, scope_of
from designs.monitoring.fingerprint.statements import statement_in_event

__all__ = ["EventLine"]


class EventLine:
    """Finds the source line while it reads the frames of an exception, outermost first."""

    __slots__ = ("_counts", "_last", "_previous", "_scope")

    def __init__(self) -> None:
        self._previous: dict[str, Any] = {}
        self._counts = False
        self._last: dict[str, Any] | None = None
        self._scope = ""

    def is_inlined(self, frame: dict[str, Any]) -> bool:
        """Return whether the frame is a comprehension in the previous one: Python 3.12 and later have no such frame."""
        function = frame.get("function")
        if not isinstance(function, str) or not is_comprehension(function) or not _is_one_module(frame, self._previous):
            return False
        if self._counts:
            self._last = frame
        return True

    def add(self, frame: dict[str, Any], *, counts: bool) -> None:
        """Add the next frame; ``counts`` states whether it is the application's."""
        self._previous, self._counts = frame, counts
        if counts:
            self._last = frame
            self._scope = scope_of(str(frame.get("function")))

    def text(self) -> str | None:
        """Return the statement; empty without an own frame, None if it cannot be read."""
        if self._last is None:
            return ""
        line = self._last.get("lineno")
        path = self._last.get("abs_path") or self._last.get("filename")
        return statement_in_event(
            _string(self._last.get("module")),
            _string(path),
            line if type(line) is int else 0,
            (
                _strings(self._last.get("pre_context")),
                _string(self._last.get("context_line")),
                _strings(self._last.get("post_context")),
            ),
            self._scope,
        )


def _is_one_module(first: dict[str, Any], second: dict[str, Any]) -> bool:
    return bool(second) and all(first.get(name) == second.get(name) for name in ("module", "abs_path", "filename"))


def _string(value: object) -> str:
    return value if type(value) is str else ""


def _strings(value: object) -> Sequence[str]:
    """Return lines of context; none if one of them is not a text, because the others would be misplaced."""
    if type(value) is not list or len(value) > 100 or not all(type(line) is str for line in value):
        return ()
    return value
