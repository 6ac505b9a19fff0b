"""Frames of a Sentry event in one form, and the names of frames of other languages.

A stack trace may be an object with `frames`, a list, or text. A frame may have the keys of the SDKs, of Sentry's API
(`absPath`), or of other trackers (`file`, `method`, `line`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from designs.monitoring.fingerprint.event_values import as_dict, as_list, as_text, items_of
from designs.monitoring.fingerprint.messages import normalize_message

__all__ = ["FrameReader", "foreign_module", "foreign_name", "is_python"]

_MAX_FRAMES = 20_000
_MAX_LINES = 50
_MAX_NAME_CHARS = 500
_STACKS = ("stacktrace", "sentry.interfaces.Stacktrace", "raw_stacktrace", "rawStacktrace", "backtrace", "frames")
_KEYS = {
    "absPath": "abs_path",
    "lineNo": "lineno",
    "inApp": "in_app",
    "contextLine": "context_line",
    "rawFunction": "raw_function",
    "file": "filename",
    "method": "function",
    "line": "lineno",
}
# The address of an instruction is not among them: it differs between processes.
_USABLE = ("function", "raw_function", "symbol", "module", "filename", "abs_path", "context_line", "package", "lineno")
_FOREIGN_ENDINGS = frozenset(
    (
        *(
            "js",
            "jsx",
            "mjs",
            "cjs",
            "ts",
            "tsx",
            "mts",
            "vue",
            "svelte",
            "java",
            "kt",
            "scala",
            "groovy",
            "clj",
            "php",
        ),
        *("phtml", "rb", "erb", "go", "cs", "vb", "fs", "c", "cc", "cpp", "cxx", "h", "hpp", "m", "mm", "swift", "rs"),
        *("dart", "ex", "exs", "erl", "lua", "pl", "pm", "htm", "html", "dll", "so", "dylib", "exe"),
    )
)
_UNKNOWN = frozenset({"", "?", "null", "<unknown>", "<anonymous>", "<redacted>", "anonymous", "(anonymous)"})
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{1,16}\Z")
# Differs between builds: a bundler's hash ("main.3f2a9c1b.js", "main-BkR3x9aQ.js"), a version ("jquery-3.6.0.js").
_BUILD = re.compile(
    r"[.~_-](?=[a-f]{0,64}\d)[0-9a-f]{6,64}(?=[.~_-]|\Z)"
    r"|-(?=\w{0,7}\d)(?=\w{0,7}[A-Z])\w{8}(?=\.|\Z)"
    r"|[-@]v?\d{1,9}(?:\.\d{1,9}){1,4}(?=[.-]|\Z)"
)
_NAMES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), by)
    for pattern, by in (
        (r"@anonymous.*", "@anonymous"),  # PHP adds the file
        (r"\{closure:[^}]*\}", "{closure}"),
        (r"\$\$Lambda.*", "$$Lambda"),  # Java: classes created at run time
        (r"(\$\$\w{0,80}?)\$\$[0-9a-f]{4,16}(?!\w)", r"\1"),
        (r"(GeneratedMethodAccessor|GeneratedConstructorAccessor|\$Proxy|javassist_)\d+", r"\1"),
        (r"(HibernateProxy)\$\w+", r"\1"),
        (r"(lambda\$\w{1,200}?)\$\d+\Z", r"\1"),
        (r"(?<=>d__)\d+|(?<=DisplayClass)\d+_\d+|(?<=>b__)\d+(?:_\d+)?", ""),  # C#: counters of the compiler
        (r", Version=.*", ""),
        (r"::h[0-9a-f]{16}(?!\w)", ""),  # Rust
        (r"@v\d+\.\d+\.[\w.+-]+", ""),  # Go
        (r" \[as [^\]]*\]|\Aasync |(?:/<){1,20}\Z", ""),  # JavaScript
    )
)


class FrameReader:
    """Reads the stack traces of one event, at most 20,000 frames in total."""

    def __init__(self) -> None:
        self._remaining = _MAX_FRAMES

    def of_holder(self, holder: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the frames of the first stack trace in an exception, a thread or an event."""
        for name in _STACKS:
            if holder.get(name) and (frames := self.of_stack(holder[name])):
                return frames
        return []

    def of_stack(self, stack: object) -> list[dict[str, Any]]:
        """Return the frames that are not empty."""
        if type(stack) is str:
            lines = [line for line in stack[: _MAX_FRAMES * 10].splitlines() if line.strip()]
            return [{"function": normalize_message(line)} for line in lines[-_MAX_LINES:]]
        listed: object = stack
        for _ in range(3):
            holder = as_dict(listed)
            listed = next((holder[name] for name in ("frames", "values") if holder.get(name)), listed)
        given = as_list(listed) or items_of(listed)
        read = list(map(_frame, given[: self._remaining]))
        self._remaining -= len(read)
        return [frame for frame in read if any(as_text(frame.get(name)) for name in _USABLE)]


def _frame(given: object) -> dict[str, Any]:
    if type(given) is str:
        return {"function": normalize_message(given)}
    frame = as_dict(given)
    if _KEYS.keys().isdisjoint(frame):
        return frame
    frame = {_KEYS.get(name, name): value for name, value in frame.items()}
    if line := as_dict(frame.get("lineno")):
        frame["lineno"], frame["context_line"] = line.get("number"), line.get("context")
    if not frame.get("context_line"):
        pairs = [pair for pair in map(as_list, as_list(frame.get("context"))[:_MAX_LINES]) if len(pair) == 2]
        frame["context_line"] = next((text for number, text in pairs if number == frame.get("lineno")), None)
    return frame


def is_python(frame: dict[str, Any], platform: str) -> bool:
    """Return whether a frame is Python's, by its platform or its event's, else by the file name's ending."""
    stated = as_text(frame.get("platform")) or platform
    if stated:
        return stated == "python"
    path = as_text(frame.get("filename")) or as_text(frame.get("abs_path"))
    ending = path.partition("?")[0].partition("#")[0].rpartition(".")[2]
    return "://" not in path and ending not in _FOREIGN_ENDINGS


def foreign_name(frame: dict[str, Any]) -> tuple[str, str]:
    """Return module and function of a frame of another language, without parts that differ between builds.

    The module is the frame's, else the base name of its file, else of its binary. An unknown function is empty.
    """
    module = foreign_module(as_text(frame.get("module")))
    if not module:
        paths = (frame.get("filename"), frame.get("abs_path"), frame.get("package"))
        module = next(filter(None, map(_base_name, map(as_text, paths))), "")
    names: Sequence[object] = (frame.get("function"), frame.get("raw_function"), frame.get("symbol"))
    known = (name for name in (as_text(name).strip() for name in names) if not _is_unknown(name))
    function = next(known, "")
    return module, function if function.isidentifier() else _cleaned(function)


def foreign_module(module: str) -> str:
    """Return a module or type without counters of generated classes, versions, query and fragment."""
    path, _, line = module.rpartition(":")
    if "/" in path and line.isdecimal():
        # The old PHP SDK writes the file and the line.
        return _base_name(path)
    if "://" in module:
        return _base_name(module)
    return _BUILD.sub("", _cleaned(re.split(r"[?#]", module, maxsplit=1)[0])) if module else ""


def _base_name(path: str) -> str:
    """Return the name of a file without its last ending; for a URL, also without query and fragment."""
    if path.startswith("data:"):
        return "data"
    path = re.split(r"[?#]", path, maxsplit=1)[0] if "<" not in path else path
    name = re.split(r"[/\\]", path.rstrip("/\\"))[-1]
    name = _BUILD.sub("", name)
    return name.rpartition(".")[0] or name


def _is_unknown(name: str) -> bool:
    return name.lower() in _UNKNOWN or _ADDRESS.match(name) is not None


def _cleaned(name: str) -> str:
    name = name[:_MAX_NAME_CHARS]
    for pattern, by in _NAMES:
        name = pattern.sub(by, name)
    return name
