"""Cleaning messages for grouping: what differs from one occurrence to the next becomes a placeholder."""

from __future__ import annotations

from designs.patterns import compile_pattern

__all__ = ["normalize_message"]

_MAX_CHARS_IN = 4_096
_MAX_CHARS_OUT = 300
_MAX_LINES = 2

_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_TIME = r"\d{1,2}:\d\d(?::\d\d)?+(?:[.,]\d{1,9}+)?+"
_IP4 = r"(?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5}+)?+(?![\w.]\w)"
_HEX4 = r"[0-9a-fA-F]{1,4}"
# Whole, or with zeros left out, of three groups or a first one of four digits: a C++ name seldom holds such.
_IP6 = (
    rf"(?:{_HEX4}:){{7}}{_HEX4}(?!\w)(?::\d{{1,5}}+)?+"
    rf"|(?=[a-fA-F:]{{0,39}}+\d)(?:{_HEX4}(?::{_HEX4}){{1,6}}::(?:{_HEX4}(?::{_HEX4}){{0,5}})?|{_HEX4}::{_HEX4}(?::{_HEX4}){{1,5}}"
    rf"|(?=[a-fA-F]{{0,3}}\d)[0-9a-fA-F]{{4}}::{_HEX4})(?!\w|:[\w:])"
)
# Endings of host names that are no endings of modules and files.
_TLD = (
    r"(?:com|net|org|edu|gov|mil|local|internal|lan|localdomain"
    r"|(?!py|js|so|rs|sh|md|cc|go|pl|db|io|id|is|in|it|me|no)[a-z]{2})"
)

# The order matters: what a later pattern would eat a part of comes first. All start where no word goes on.
_PATTERNS: tuple[tuple[str, str], ...] = (
    ("uuid", r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}(?![0-9A-Za-z])"),
    ("email", r"[A-Za-z0-9._%+-]{1,64}+@[A-Za-z0-9-]{1,63}+(?:\.[A-Za-z0-9-]{1,63}+){1,8}+"),
    ("url", r"[a-z][a-z0-9+.-]{1,15}+://[^\s\"'<>)\]]{1,2048}+"),
    (
        "date",
        (
            r"datetime\.(?:datetime|date|time|timedelta)\([^)]{0,100}+\)"
            r"|\d{4}[-/.]\d\d[-/.]\d\d"
            r"(?:[T -]\d\d[:.]\d\d(?:[:.]\d\d(?:[.,]\d{1,9}+)?+)?+(?:Z|[+-]\d\d:?+\d\d)?+)?+(?!\w)"
            rf"|(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?+(?:{_MONTH} {{1,2}}\d{{1,2}}|\d{{1,2}}[ /-]{_MONTH})(?!\w)"
            rf"(?:,?[ /-]\d{{4}}(?!\w))?+(?:[ :]{_TIME}(?: [+-]\d{{4}}| \d{{4}}(?!\w))?+)?+"
            rf"|{_TIME}(?![\w:])"
        ),
    ),
    ("mac", r"(?:[0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}(?!\w)"),
    ("ip", rf"/?{_IP4}|/?(?:{_IP6})"),
    ("path", r"(?<![.])(?:[A-Za-z]:\\|~?/)[^\s\"'<>|:;,()\[\]]{1,255}+"),
    (
        "hex",
        r"0x[0-9a-fA-F]{1,64}+(?!\w)|(?=[0-9]{0,128}+[a-fA-F])(?=[a-fA-F]{0,128}+[0-9])[0-9a-fA-F]{8,128}+(?![0-9A-Za-z])",
    ),
    (
        "duration",
        (
            r"\d{1,12}+(?:\.\d{1,9}+)?+ ?+"
            r"(?:ns|us|µs|ms|s|secs?|seconds?|mins?|minutes?|hours?|hrs?|h|days?|d|msecs?|millis)(?!\w)"
        ),
    ),
    ("size", r"\d{1,15}+(?:\.\d{1,9}+)?+ ?+(?:[kKMGT]i?B|bytes?|B)(?!\w)"),
    (
        "host",
        rf"(?:[A-Za-z0-9_-]{{1,63}}+\.(?:(?:com|net|edu)(?![\w-])|(?:[A-Za-z0-9_-]{{1,63}}+\.){{1,7}}(?<=\.){_TLD}(?![\w-])))(?!\.\w)(?::\d{{1,5}}+)?+",
    ),
    ("id", r"(?=[A-Za-z_-]{0,64}+\d)(?=[\d_-]{0,64}+[A-Za-z])[A-Za-z0-9_-]{12,255}+(?![\w-])"),
    (
        "id3",
        r"(?!utf_|UTF_)[A-Za-z]{1,32}+_-?\d{1,40}+(?!\w|[-_]\d)|(?=[A-Z:-]{0,64}+\d)[A-Z0-9]{1,8}+(?:[-:][A-Z0-9]{1,8}+){3,12}+(?![\w-])",
    ),
    # rdd_2_3, R02-M1-N0: two counters and more make no word.
    ("id2", r"[A-Za-z]{1,32}+(?:[_-]?+\d{1,20}+[A-Za-z]{0,2}){2,9}+(?![\w-])"),
    ("number", r"(?<!_)(?<![A-Za-z]-)[+-]?+\d{1,40}+(?:\.\d{1,40}+){0,3}+(?:[eE][+-]?\d{1,4}+)?+(?![A-Za-z_])"),
    (
        "number2",
        r"(?<=[A-Za-z][_-])(?<!utf[_-])(?<!sha[_-])(?<!iso[_-])(?<!UTF[_-])(?<!SHA[_-])(?<!ISO[_-])\d{2,40}+(?!\w|[-_]\d)",
    ),
)
_VALUE = r"(?<==)(?P<value>\"[^\"\n]{0,1000}+\"|'[^'\n]{0,1000}+'|(?:true|false|True|False|none|None|null)\b)"
# Most words hold nothing of the kind; they are passed over before any pattern is tried.
_PLAIN = r"[A-Za-z]{1,64}+(?:[\s,;)\]'\"]|[:.](?:\s|\Z)|\Z)"
_DAYS = rf"(?!{_MONTH} |(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )"
_CLEAN = compile_pattern(
    rf"{_VALUE}|(?<![A-Za-z0-9])(?![\s,;:()'\"<>=]|{_DAYS}{_PLAIN})(?:"
    + "|".join(f"(?P<{name}>{pattern})" for name, pattern in _PATTERNS)
    + ")"
)
_PLACEHOLDERS = {name: f"<{name.rstrip('23')}>" for name in [*dict(_PATTERNS), "value"]}
_RUN = compile_pattern(r"(<[a-z]+>)(?:[\s,;]{1,3}+\1)++")


def normalize_message(text: str) -> str:
    """Return the message with ids, numbers, addresses, times and paths replaced by placeholders.

    At most 4,096 characters are read and 300 given back, from the first two lines that hold anything.
    """
    lines = [line.strip() for line in text[:_MAX_CHARS_IN].splitlines() if line.strip()][:_MAX_LINES]
    cleaned = _CLEAN.sub(lambda match: _PLACEHOLDERS[match.lastgroup or ""], "\n".join(lines))
    return _RUN.sub(r"\1", cleaned)[:_MAX_CHARS_OUT]
