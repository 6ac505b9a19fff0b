"""The five severities, and their equivalents: words and levels of other logging systems. Pure."""

from __future__ import annotations

import logging
from enum import Enum
from typing import cast

__all__ = ["ALIASES", "SEVERITIES", "known_severity", "severity_of"]

SEVERITIES = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

ALIASES: dict[str, tuple[str, ...]] = {
    "DEBUG": ("TRACE", "VERBOSE", "FINE"),
    "INFO": ("INFORMATION", "INFORMATIONAL", "NOTICE", "LOG", "SAMPLE"),
    "WARNING": ("WARN",),
    "ERROR": ("ERR", "EXCEPTION", "FAILURE"),
    "CRITICAL": ("CRIT", "FATAL", "ALERT", "EMERG", "EMERGENCY", "PANIC", "SEVERE"),
}
"""Words of `logging`, Sentry, syslog and other logging libraries, in upper case."""

_SEVERITY_OF = {word: name for name in SEVERITIES for word in (name, *ALIASES[name])}
_LEVELS = tuple((logging.getLevelNamesMapping()[name], name) for name in reversed(SEVERITIES))
_MAX_WORD_CHARS = 64


def severity_of(value: object) -> str:
    """Return the severity of a word or a level of `logging`; ERROR if it has none.

    Args:
        value: A word in any case, a level such as 30, or either as text or as the value of an `enum.Enum`.
    """
    return known_severity(value) or "ERROR"


def known_severity(value: object) -> str | None:
    """Return the severity of a word or a level of `logging`; None if it has none."""
    # Fast path: the exact name is by far the most frequent.
    if type(value) is str and (name := _SEVERITY_OF.get(value)) is not None:
        return name
    try:
        # Checked by type: isinstance would make a lazy object load its value.
        if issubclass(type(value), Enum) and not issubclass(type(value), str | int):
            value = cast("Enum", value).value
        if issubclass(type(value), str):
            return _of_word(str.__getitem__(cast("str", value), slice(_MAX_WORD_CHARS)))
        if issubclass(type(value), int) and type(value) is not bool:
            return _of_level(int.__index__(cast("int", value)))
    except Exception:  # noqa: BLE001 - foreign code may raise anything
        return None
    return None


def _of_word(word: str) -> str | None:
    word = word.strip().upper()
    if (name := _SEVERITY_OF.get(word)) is not None:
        return name
    if word.isascii() and word.isdecimal():
        return _of_level(int(word))
    # A level that the application added to `logging`.
    level = logging.getLevelNamesMapping().get(word)
    return None if level is None else _of_level(level)


def _of_level(level: int) -> str | None:
    """Return the severity that a level reaches, as in `logging`: 35 is WARNING."""
    return next((name for least, name in _LEVELS if level >= least), None)
