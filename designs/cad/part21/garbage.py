"""The exception for an invalid word in a data section: damage, or a feature that Enginel does not read."""

from __future__ import annotations

from typing import Final

from designs.exceptions import CorruptedFile, EnginelBaseException, InvalidFileFormat
from designs.patterns import compile_pattern

__all__ = ["no_word"]

# Unsupported syntax of the standard in data (third edition, and first) -> the message for it.
_NOT_READ: Final = (
    (compile_pattern(rb"[#@][A-Z_][A-Z0-9_]*+[\t-\r ]*+[,)]"), "Constants of a schema", "constant"),
    (compile_pattern(rb"@[0-9]++[\t-\r ]*+[,)]"), "Values of other files", "external_value"),
    (compile_pattern(rb"<[^<>\r\n]{1,4096}+>[\t-\r ]*+[,)]"), "Addresses of other files as values", "external_value"),
    (compile_pattern(rb"&SCOPE(?![A-Z0-9_])"), "Scopes", "scope"),
)


def no_word(data: bytes, position: int, section: bytes) -> EnginelBaseException:
    """Return the exception for ``position``, at which no word of a data section begins."""
    if position >= len(data):
        return _cut(section)
    if data.startswith(b"'", position):
        return _corrupted("A text is never closed.", "unterminated_string", position=position)
    if data.startswith(b"/*", position):
        return _corrupted("A comment is never closed.", "unterminated_comment", position=position)
    for pattern, what, reason in _NOT_READ if section == b"DATA" else ():
        if pattern.match(data, position):
            return InvalidFileFormat(
                f"{what} are not read.",
                details={"stage": "scan", "reason": reason, "position": position},
                is_fixed=True,
            )
    return _corrupted("The file holds what is no word of STEP.", "syntax", position=position)


def _cut(section: bytes) -> CorruptedFile:
    if not section:
        return _corrupted("The file does not begin as STEP does.", "no_begin")
    return _corrupted("The file is cut: its end is missing.", "truncated", section=section.decode("ascii"))


def _corrupted(message: str, reason: str, **facts: int | str) -> CorruptedFile:
    return CorruptedFile(message, details={"stage": "scan", "reason": reason, **facts}, is_fixed=True)
