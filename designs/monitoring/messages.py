"""Cleaning messages for grouping: what differs from one occurrence to the next becomes a placeholder."""

from __future__ import annotations

import re

__all__ = ["normalize_message"]

_MAX_CHARS_IN = 4_096
_MAX_CHARS_OUT = 300
_MAX_LINES = 2

# The order matters: what a later pattern would eat a part of comes first.
_PATTERNS: tuple[tuple[str, str], ...] = (
    ("uuid", r"(?<![0-9A-Za-z])[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}(?![0-9A-Za-z])"),
    ("email", r"[A-Za-z0-9._%+-]{1,64}+@[A-Za-z0-9-]{1,63}+(?:\.[A-Za-z0-9-]{1,63}+){1,8}+"),
    ("url", r"\b[a-z][a-z0-9+.-]{1,15}+://[^\s\"'<>)\]]{1,2048}+"),
    (
        "date",
        (
            r"datetime\.(?:datetime|date|time)\([^)]{0,100}+\)"
            r"|\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9}+)?+)?+(?:Z|[+-]\d\d:?+\d\d)?+)?+"
            r"|\b\d\d:\d\d:\d\d(?:[.,]\d{1,9}+)?+"
        ),
    ),
    ("mac", r"\b(?:[0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}\b"),
    (
        "ip",
        r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5})?+(?![\w.])|(?<![\w:])(?:[0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}\b",
    ),
    ("path", r"(?<![\w./])(?:[A-Za-z]:\\|~?/)(?:[^\s\"'<>|:;,()\[\]]{1,255}+)"),
    (
        "hex",
        r"\b0x[0-9a-fA-F]{1,64}+\b|(?<![0-9A-Za-z])(?=[0-9]*+[a-fA-F])(?=[a-fA-F]*+[0-9])[0-9a-fA-F]{8,128}+(?![0-9A-Za-z])",
    ),
    (
        "duration",
        r"(?<![\w.])\d{1,12}+(?:\.\d{1,9}+)?+ ?+(?:ns|us|µs|ms|s|sec|secs|seconds?|min|minutes?|hours?|h|days?)\b",
    ),
    ("size", r"(?<![\w.])\d{1,15}+(?:\.\d{1,9}+)?+ ?+(?:[kKMGT]i?B|bytes?|B)\b"),
    ("id", r"(?<![\w-])(?=[A-Za-z_-]*+\d)(?=[\d_-]*+[A-Za-z])[A-Za-z0-9_-]{12,255}+(?![\w-])"),
    (
        "number",
        r"(?<![A-Za-z0-9_])(?<![A-Za-z]-)[+-]?+\d{1,40}+(?:\.\d{1,40}+)?+(?:[eE][+-]?\d{1,4}+)?+(?![A-Za-z_])",
    ),
    (
        "value",
        r"(?<==)(?:\"[^\"\n]{0,1000}+\"|'[^'\n]{0,1000}+'|\b(?:true|false|True|False|none|None|null)\b)",
    ),
)
_CLEAN = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in _PATTERNS))
_RUN = re.compile(r"(<[a-z]+>)(?:[\s,;]{1,3}+\1)++")


def normalize_message(text: str) -> str:
    """Return the message with ids, numbers, addresses, times and paths replaced by placeholders.

    At most 4,096 characters are read and 300 given back, from the first two lines that hold anything.
    """
    lines = [line.strip() for line in text[:_MAX_CHARS_IN].splitlines() if line.strip()][:_MAX_LINES]
    cleaned = _CLEAN.sub(lambda match: f"<{match.lastgroup}>", "\n".join(lines))
    return _RUN.sub(r"\1", cleaned)[:_MAX_CHARS_OUT]
