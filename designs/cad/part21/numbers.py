"""Numbers in STEP files that make the CAD kernel hang or crash: infinite, not a number, or beyond any real size.

Each keyword was found by experiments with the kernel: points and vectors of ``1.E999`` or ``NAN`` keep it busy until
its deadline, and so do circles of ``1.E160``, whose square is infinite. Numbers that it survives (weights, colours,
tolerances) are not checked.

One search finds out whether the file contains such a word. Only then is the file read a second time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from designs.exceptions import GeometryProcessingError
from designs.patterns import compile_pattern

__all__ = ["MAX_LENGTH", "check_numbers"]

MAX_LENGTH: Final = 1e150
"""The square of a longer length is infinite, so no distance can be computed."""

# An exponent from 100 on, 51 digits in a row, or a word that strtod of C reads as a number. Leading zeros do not count:
# some compilers write E+001. The largest numeral without a match is 50 digits with E99, which is below MAX_LENGTH.
_SUSPECT: Final = compile_pattern(
    rb"[0-9.][eE]\+?+0*+[1-9][0-9][0-9]"
    rb"|(?<![0-9.])[0-9]{51}"
    rb"|(?:[(,]|\*/)\s*+(?:[nN][aA][nN]|[iI][nN][fF])[A-Za-z0-9_]*+\s*+(?:[,)]|/\*)"
)
# The same for text whose letters are capitals and whose digits are 0 and 1, without signs: takes a tenth of the time.
_EXPONENT: Final = compile_pattern(rb"E0*+1[01][01]")
_BINARY: Final = bytes.maketrans(b"abcdefghijklmnopqrstuvwxyz23456789", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ11111111")
_ZEROS: Final = bytes.maketrans(b"123456789", b"000000000")
_LONG_RUN: Final = b"0" * 51
_CHUNK_BYTES: Final = 1024 * 1024
# Longer than any word that a program writes.
_OVERLAP_BYTES: Final = 4096
_WORD: Final = compile_pattern(
    rb"""
      ' [^']*+ '
    | " [^"]*+ "
    | /\* .*? \*/
    | \. [A-Za-z_] \w*+ \.
    | \# ([0-9]++)
    | ( [A-Za-z_!] [\w-]*+ )
    | ( [-+]?+ [0-9.]++ (?: [eE] [-+]?+ [0-9]++ )?+ )
    | ( [();=] )
    """,
    re.VERBOSE | re.DOTALL,
)
_ID, _KEYWORD, _NUMBER, _MARK = 1, 2, 3, 4
_LENGTHS: Final = frozenset({b"CARTESIAN_POINT", b"CIRCLE", b"ELLIPSE", b"HYPERBOLA", b"PARABOLA"})
# The kernel reads vectors of any finite length.
_LIMITS: Final = {**dict.fromkeys(_LENGTHS, MAX_LENGTH), b"VECTOR": float("1.7976931348623157e308")}
_NOT_A_NUMBER: Final = (b"nan", b"inf")


@dataclass(slots=True)
class _Wrong:
    """The first wrong number of an instance."""

    identifier: bytes
    position: int
    reason: str


def check_numbers(data: bytes) -> None:
    """Refuse a valid STEP file that uses a point, vector or curve whose numbers make the kernel hang or crash.

    Raises:
        GeometryProcessingError: With the reason ``not_a_number`` or ``number_range``, and the line and entity.
    """
    if not _is_suspect(data):
        return
    found, used = _wrong_instances(data)
    for wrong in found:
        if wrong.identifier.lstrip(b"0") in used:
            raise _refused(data, wrong)


def _is_suspect(data: bytes) -> bool:
    """Return whether the file may hold a number beyond the limits; texts and comments count too."""
    for start in range(0, len(data), _CHUNK_BYTES):
        chunk = data[start : start + _CHUNK_BYTES + _OVERLAP_BYTES]
        plain = chunk.translate(_BINARY, b"+")
        has_sign = _EXPONENT.search(plain) or b"NAN" in plain or b"INF" in plain
        if (has_sign or _LONG_RUN in chunk.translate(_ZEROS)) and _SUSPECT.search(chunk):
            return True
    return False


def _refused(data: bytes, wrong: _Wrong) -> GeometryProcessingError:
    why = "a coordinate is not a number" if wrong.reason == "not_a_number" else "a coordinate or length is out of range"
    line = data.count(b"\n", 0, wrong.position) or data.count(b"\r", 0, wrong.position)
    return GeometryProcessingError(
        f"Failed to parse STEP file: {why}.",
        details={
            "stage": "scan",
            "reason": wrong.reason,
            "line": line + 1,
            "entity": f"#{wrong.identifier.decode('ascii')}",
            "section": "DATA",
        },
        is_fixed=True,
    )


def _wrong_instances(data: bytes) -> tuple[list[_Wrong], set[bytes]]:
    """Return the instances with a wrong number in the order of the file, and all identifiers referred to."""
    found: list[_Wrong] = []
    used: set[bytes] = set()
    for words in _statements(data):
        if words[0].lastindex != _ID:
            continue
        wrong = _wrong_number(words)
        if wrong:
            found.append(wrong)
        used.update(word[_ID].lstrip(b"0") for word in words[1:] if word.lastindex == _ID)
    return found, used


def _statements(data: bytes) -> Iterator[list[re.Match[bytes]]]:
    words: list[re.Match[bytes]] = []
    for match in _WORD.finditer(data):
        if match.lastindex is None:
            continue
        if match[_MARK] == b";":
            if words:
                yield words
            words = []
        else:
            words.append(match)


def _wrong_number(words: list[re.Match[bytes]]) -> _Wrong | None:
    """Return the first number or word that exceeds the limit of its record."""
    depth, limit = 0, 0.0
    # The records of a complex instance are one level deeper.
    level = 1 if len(words) > 2 and words[2][_MARK] == b"(" else 0
    for word, following in zip(words, [*words[1:], None], strict=True):
        mark = word[_MARK]
        depth += (mark == b"(") - (mark == b")")
        if word.lastindex == _KEYWORD and depth == level:
            limit = _LIMITS.get(word[_KEYWORD].upper(), 0.0)
        elif limit and (reason := _reason(word, following, limit)):
            return _Wrong(words[0][_ID], word.start(), reason)
    return None


def _reason(word: re.Match[bytes], following: re.Match[bytes] | None, limit: float) -> str:
    if word.lastindex == _NUMBER:
        return "number_range" if _size(word[_NUMBER]) > limit else ""
    if word.lastindex == _KEYWORD and (following is None or following[_MARK] != b"("):
        return "not_a_number" if word[_KEYWORD].lower().startswith(_NOT_A_NUMBER) else ""
    return ""


def _size(numeral: bytes) -> float:
    try:
        return abs(float(numeral))
    except ValueError:
        return 0.0
