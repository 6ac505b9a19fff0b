"""Failure reasons: words by which a group counts its occurrences. Pure.

A reason is ``details["reason"]`` of an exception, a word of the program. A group counts at most `MAX_REASONS` reasons
and the rest as `OTHER`. Only such words are stored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, cast

from designs.monitoring.controlled.stated_words import is_word
from designs.monitoring.redaction import redact_text
from designs.monitoring.untrusted.exceptions import is_exception
from designs.monitoring.untrusted.object_text import attribute_of

__all__ = ["MAX_REASONS", "OTHER", "add_reasons", "reason_of", "reasons_in", "reasons_text", "words_of"]

MAX_REASONS = 32
"""Maximum number of reasons per group; ``record_error.lua`` contains the same number."""

OTHER = "other"

_MAX_CHARS = 40
_WORD = re.compile(r"[a-z][a-z0-9_]{0,39}")
_SIGNAL = re.compile(r"SIG[A-Z0-9]{1,8}")
_COUNTED = re.compile(r"([a-z][a-z0-9_]{0,39})=([0-9]{1,18})(?: |\Z)")


def reason_of(error: object, withheld: bool = False) -> str:
    """Return the reason that an exception states; `OTHER` if it is not a word, empty if there is none.

    Args:
        error: The exception; anything else has no reason.
        withheld: Whether it concerns a controlled design; then words that are not the program's become `OTHER`.
    """
    value = _detail(error, "reason")
    if value is None or value == "":
        return ""
    return value if _is_shown(value) and (not withheld or is_word(value)) else OTHER


def words_of(error: object, withheld: bool = False) -> dict[str, str]:
    """Return ``stage``, ``reason`` and ``signal`` of an exception, if they have the form of such words."""
    stage, signal = (_detail(error, name) or "" for name in ("stage", "signal"))
    shown = _is_shown(stage) and (not withheld or is_word(stage))
    found = {
        "stage": stage if shown else "",
        "reason": reason_of(error, withheld),
        "signal": signal if _SIGNAL.fullmatch(signal) else "",
    }
    return {name: word for name, word in found.items() if word}


def add_reasons(counts: dict[str, int], more: Mapping[str, int]) -> None:
    """Add ``more`` to ``counts``; a reason beyond `MAX_REASONS` counts as `OTHER`."""
    for reason, number in more.items():
        is_one_more = reason not in counts and len(counts) >= MAX_REASONS
        name = OTHER if is_one_more else reason
        counts[name] = counts.get(name, 0) + number


def reasons_text(counts: Mapping[str, int]) -> str:
    """Return counts in their stored form: ``syntax=9 truncated=3``."""
    return " ".join([f"{reason}={number}" for reason, number in counts.items()])


def reasons_in(text: str) -> list[dict[str, Any]]:
    """Return the counts of a stored text, the most frequent first."""
    counts: dict[str, int] = {}
    for reason, number in _COUNTED.findall(text):
        counts[reason] = counts.get(reason, 0) + int(number)
    listed = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [{"reason": reason, "count": number} for reason, number in listed]


def _detail(error: object, name: str) -> str | None:
    """Return a text of the exception's details; `OTHER` for any other value, None if there is none."""
    details = attribute_of(error, "details") if is_exception(error) else None
    # Checked by type: isinstance would make a lazy object load its value.
    value = dict.get(cast("dict[str, object]", details), name) if issubclass(type(details), dict) else None
    if value is None:
        return None
    if not issubclass(type(value), str) or str.__len__(cast("str", value)) > _MAX_CHARS:
        return OTHER
    # The value of an enumeration member, even if its class defines another text.
    return str.__getitem__(cast("str", value), slice(None))


@lru_cache(maxsize=512)
def _is_shown(word: str) -> bool:
    return bool(_WORD.fullmatch(word)) and redact_text(word) == word
