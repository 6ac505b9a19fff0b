"""Lines as logs, errors and settings have them: with a secret in each, and with none.

Four tables, ``first`` to ``fourth``; each was written before the rules that it scores were changed. A secret is a mark
in the table and made up when it is read, so that no file of this project holds what looks like one:
``§`` is 18 letters and digits; a letter behind it says of what it is made (`_ALPHABETS`), a number how long it is.
A line that begins with ``!`` is a value of Python, any other a text.
"""

from __future__ import annotations

import ast
import random
import re
from pathlib import Path
from typing import Any

__all__ = ["harmless", "leaks", "secrets"]

_MIXED = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_ALPHABETS = {
    "h": "0123456789abcdef",
    "u": "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
    "U": "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
    "d": "0123456789",
    "b": f"{_MIXED}+/",
    "k": f"{_MIXED}-_",
    "p": f"{_MIXED}!#+-.*",
    "l": "abcdefghijklmnopqrstuvwxyz0123456789",
}
_MARK = re.compile(r"§([a-zA-Z]?)(\d*)¤?")
_PASSWORD_CHARS, _CHARS, _PART_CHARS = 12, 18, 8


def secrets(table: str) -> list[tuple[Any, list[str]]]:
    """Return the values of a table with the secrets of each."""
    return [_filled(line, number) for number, line in enumerate(_lines(f"{table}_secrets.txt"))]


def harmless(table: str) -> list[Any]:
    """Return the values of a table that hold no secret."""
    return [_filled(line, 0)[0] for line in _lines(f"{table}_harmless.txt")]


def leaks(text: str, secret: str) -> bool:
    """Tell whether text still holds a part of a secret."""
    return any(secret[at : at + _PART_CHARS] in text for at in range(max(1, len(secret) - _PART_CHARS + 1)))


def _lines(name: str) -> list[str]:
    return [line for line in (Path(__file__).parent / name).read_text("utf-8").split("\n") if line]


def _filled(line: str, seed: int) -> tuple[Any, list[str]]:
    chosen = random.Random(seed)
    made: list[str] = []

    def one(mark: re.Match[str]) -> str:
        kind, length = mark[1], int(mark[2] or (_PASSWORD_CHARS if mark[1] == "p" else _CHARS))
        if kind == "g":
            return "550e8400-e29b-41d4-a716-446655440000"
        secret = "".join(chosen.choice(_ALPHABETS.get(kind, _MIXED)) for _ in range(length))
        made.append(f"{secret[:-1]}=" if kind == "b" and not length % 4 else secret)
        return made[-1]

    text = _MARK.sub(one, line)
    if text.startswith("!"):
        return ast.literal_eval(text[1:]), made
    return text.replace("\\r", "\r").replace("\\n", "\n"), made
