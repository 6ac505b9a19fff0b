"""Facts of live exceptions for the grouping rules. Runs foreign code (properties, ``str``): any fact may be empty."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any

from designs.monitoring.fingerprint.frame_places import live_places
from designs.monitoring.fingerprint.type_names import name_of
from designs.monitoring.untrusted.exceptions import traceback_of
from designs.monitoring.untrusted.stop_exceptions import is_stop
from designs.monitoring.untrusted.text import raw_text

__all__ = ["CONSTRAINT", "HOST", "LiveFacts", "codes_in", "constraint_in", "host_in"]

HOST = re.compile(
    r"host='(?P<host>[^'\s]{1,255})'(?:, port=(?P<port>\d{1,5}+))?"
    r"|(?:connecting to|reading from|writing to) (?P<server>[^\s,]{1,255}?)\.?(?=[\s,]|$)"
)
_USUAL_PORTS = frozenset({"", "80", "443", "None"})
CONSTRAINT = re.compile(
    r"constraint \"([^\"]{1,200})\""
    r"|([A-Z]{2,9}(?: [A-Z]{2,9})? constraint failed(?:: [\w., ]{1,200})?)"
    r"|for key '([^']{1,200})'"
)
_QUOTED = r"'(?:[^'\\]|\\.)*+'|\"(?:[^\"\\]|\\.)*+\""
# A detail with its code; a field; the start or the end of an object.
_DETAIL = re.compile(rf"ErrorDetail\(string=(?:{_QUOTED}), code='([^']{{0,100}}+)'\)|({_QUOTED}|\d+): |([{{}}])")
_MAX_CODES = 50
_MAX_FRAMES = 200


def host_in(text: str) -> str:
    """Return the server in the text of a connection error, with its port: one machine runs several services."""
    found = HOST.search(text[:2_000])
    if found is None or found["server"] == "server":
        return ""
    return found["server"] or _with_port(found["host"], found["port"] or "")


def constraint_in(text: str) -> str:
    """Return the constraint in the text of an integrity error; for SQLite, its kind and columns."""
    found = CONSTRAINT.search(text[:2_000])
    return next(filter(None, found.groups()), "") if found else ""


def codes_in(text: str) -> str:
    """Return the codes in the text of an API error's details, in the same form as `LiveFacts`."""
    found, field, outer = set(), "", [""]
    for detail in _DETAIL.finditer(text[:10_000]):
        code, name, bracket = detail.groups()
        if name:
            field = ".".join(filter(None, (outer[-1], name.strip("'\""))))
        elif bracket == "{":
            outer.append(field)
        elif bracket:
            field = outer.pop() if len(outer) > 1 else ""
        else:
            found.add(f"{field}:{code}" if field else code)
    return ", ".join(sorted(found)[:_MAX_CODES])


class LiveFacts:
    """Facts from the exception and the locals of its frames."""

    __slots__ = ("_exc",)

    def __init__(self, exc: BaseException) -> None:
        self._exc = exc

    def message(self) -> str:
        """Return the exception's text."""
        return raw_text(self._exc)

    def places(self) -> list[str]:
        """Return the places of all frames, see `frame_places`."""
        return live_places(traceback_of(self._exc))

    def clue(self, name: str) -> str:
        """Return one fact; empty if unknown."""
        try:
            return str(getattr(self, f"_{name}")())
        except BaseException as error:
            if is_stop(error):
                raise
            # A value that cannot be read is omitted.
            return ""

    def _client(self) -> str:
        exc: Any = self._exc
        if not hasattr(exc, "get_codes"):
            return type(exc).__name__
        return "" if exc.status_code >= 500 else ", ".join(sorted(set(_codes(exc.get_codes())))[:_MAX_CODES])

    def _view(self) -> str:
        for frame, module in self._frames():
            if module in {"rest_framework.views", "django.views.generic.base"}:
                instance = frame.f_locals.get("self")
                if instance is not None:
                    return name_of(type(instance))
        return ""

    def _alias(self) -> str:
        for frame, module in self._frames():
            if module.startswith("django.db."):
                instance = frame.f_locals.get("self")
                alias = getattr(instance, "alias", None) if module.startswith("django.db.backends.") else None
                alias = alias or getattr(instance, "using", None)
                if isinstance(alias, str):
                    return alias
        return ""

    def _host(self) -> str:
        if found := host_in(self.message()):
            return found
        exc: Any = self._exc
        request = exc.request
        return _with_port(request.url.host, request.url.port) if hasattr(request.url, "host") else ""

    def _sqlstate(self) -> str:
        cause: Any = self._exc.__cause__
        return getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None) or ""

    def _constraint(self) -> str:
        diag = getattr(self._exc.__cause__, "diag", None)
        return getattr(diag, "constraint_name", None) or constraint_in(self.message())

    def _template(self) -> str:
        if type(self._exc).__name__ == "TemplateDoesNotExist":
            return self.message()[:200]
        for frame, module in self._frames():
            if module.startswith("django.template"):
                name = frame.f_locals.get("template_name")
                if isinstance(name, str):
                    return name[:200]
        return ""

    def _frames(self) -> Iterator[tuple[Any, str]]:
        """Yield frames and their modules, innermost first."""
        frames: list[FrameType] = []
        traceback: TracebackType | None = self._exc.__traceback__
        while traceback is not None and len(frames) < _MAX_FRAMES:
            frames.append(traceback.tb_frame)
            traceback = traceback.tb_next
        for frame in reversed(frames):
            yield frame, str(frame.f_globals.get("__name__", ""))


def _with_port(host: object, port: object) -> str:
    return str(host) if str(port) in _USUAL_PORTS else f"{host}:{port}"


def _codes(codes: object, field: str = "", depth: int = 0) -> Iterator[str]:
    if depth > 8:
        return
    if isinstance(codes, dict):
        for name, inner in list(codes.items())[:_MAX_CODES]:
            yield from _codes(inner, f"{field}.{name}" if field else str(name), depth + 1)
    elif isinstance(codes, list | tuple):
        for inner in codes[:_MAX_CODES]:
            yield from _codes(inner, field, depth + 1)
    else:
        yield f"{field}:{codes}" if field else str(codes)
