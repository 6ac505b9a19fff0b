"""Cleaning messages for grouping: what differs from one occurrence to the next becomes a placeholder.

Numbers that name a kind of failure stay, see `failure_codes`; so do names that hold a digit, see `message_tokens`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from designs.monitoring.fingerprint.failure_codes import is_failure_code
from designs.monitoring.fingerprint.message_patterns import TOKEN
from designs.monitoring.fingerprint.message_tokens import clean_name
from designs.patterns import compile_pattern

__all__ = ["normalize_message"]

_MAX_CHARS_IN = 4_096
_MAX_CHARS_OUT = 300
_MAX_LINES = 2
_CONTEXT = 16

_ANSI = compile_pattern(r"\x1b\[[0-9;]{0,20}+[A-Za-z]")
# Several of a kind are one: lists, and what is said again in brackets, as a size in another unit.
_RUN = compile_pattern(r"(<[a-z]+>)(?:(?:[\s,;|]{1,3}+(?:and )?)\1|[-_]\1| \((?:\1)?\))++")
# an142 an143; the first of the two is what can be searched quickly.
_NAMES = compile_pattern(r"<[a-z]+>[\s,;|]{1,3}+[A-Za-z]{1,12}+-?<")
_RUN_OF_NAMES = compile_pattern(r"([A-Za-z]{1,12}+-?<[a-z]+>)(?:[\s,;|]{1,3}+\1)++")


def _code(text: str, start: int, end: int) -> str:
    return text[start:end] if is_failure_code(text, start, end) else "<number>"


def _name(text: str, start: int, end: int) -> str:
    return clean_name(text[start:end], text[max(0, start - _CONTEXT) : start])


def _kind(group: str) -> str:
    return group.rstrip("0123456789")


_PLACEHOLDERS = {group: f"<{_kind(group)}>" for group in TOKEN.groupindex}
_KEPT = frozenset({"plain", *(group for group in TOKEN.groupindex if _kind(group) == "word")})
_READERS: dict[str, Callable[[str, int, int], str]] = {
    group: _code if _kind(group) == "code" else _name for group in TOKEN.groupindex if _kind(group) in {"code", "name"}
}


def _replaced(found: re.Match[str]) -> str:
    group = found.lastgroup
    if group is None or group in _KEPT:
        return found[0]
    read = _READERS.get(group)
    if read is None:
        return found[1] + _PLACEHOLDERS[group]
    return found[1] + read(found.string, found.end(1), found.end())


def normalize_message(text: str) -> str:
    """Return the message with ids, numbers, addresses, times and paths replaced by placeholders.

    At most 4,096 characters are read and 300 given back, from the first two lines that hold anything.
    """
    text = text[:_MAX_CHARS_IN]
    if "\x1b" in text:
        text = _ANSI.sub("", text)
    lines = [line.strip() for line in text.splitlines() if line.strip()][:_MAX_LINES]
    cleaned = TOKEN.sub(_replaced, "\n".join(lines))
    cleaned = _RUN.sub(r"\1", cleaned)
    if _NAMES.search(cleaned):
        cleaned = _RUN_OF_NAMES.sub(r"\1", cleaned)
    return cleaned[:_MAX_CHARS_OUT]
