"""Validation of user text that is shown in one line: lists, logs, alerts."""

from __future__ import annotations

import unicodedata

from django.core.exceptions import ValidationError

__all__ = ["validate_one_line"]

# Control, format (bidirectional overrides, zero width), surrogate, and line and paragraph separators.
_REFUSED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def validate_one_line(value: str) -> None:
    """Refuse characters that break a line, hide text or change its direction.

    Raises:
        ValidationError: The value contains such a character.
    """
    if any(unicodedata.category(character) in _REFUSED_CATEGORIES for character in value):
        raise ValidationError("Control and invisible characters are not allowed.", code="not_one_line")
