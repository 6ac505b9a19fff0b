"""Normalization of messages for grouping: variable parts become placeholders.

Numbers that identify a kind of failure stay, see `failure_codes`. Names with digits keep their words, see
`message_tokens`.
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
# Repeated placeholders become one: lists, and a repetition in brackets, such as a size in another unit.
_RUN = compile_pattern(r"(<[a-z]+>)(?:(?:[\s,;|]{1,3}+(?:and )?)\1|[-_]\1| \((?:\1)?\))++")
# Lists of names such as "an142 an143". The first pattern is a fast test for the second.
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

    The input is cut to 4,096 characters and its first two non-empty lines, the result to 300 characters.
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
