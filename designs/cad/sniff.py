"""Format detection of uploaded files by content; the client's file name is not trusted."""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum

from designs.cad.files import UTF8_BOM
from designs.cad.iges_lines import first_line_letter
from designs.exceptions import CorruptedFile, InvalidFileFormat
from designs.patterns import compile_pattern

__all__ = ["HEAD_BYTES", "NAME_LENGTH", "FileKind", "check_declared_kind", "clean_file_name", "sniff"]

HEAD_BYTES = 4096
"""Number of bytes that `sniff` needs; comments before the first line must fit in it."""

NAME_LENGTH = 255
"""Longest file name kept, in characters."""


class FileKind(StrEnum):
    """The formats Enginel reads."""

    STEP = "step"
    IGES = "iges"


_KIND_BY_SUFFIX = {
    "step": FileKind.STEP,
    "stp": FileKind.STEP,
    "p21": FileKind.STEP,
    "igs": FileKind.IGES,
    "iges": FileKind.IGES,
}
# Blanks, comments and print directives, which are allowed between words.
_BETWEEN_WORDS = rb"(?:[\t-\r ]++|/\*[^*]*+(?:\*(?!/)[^*]*+)*+\*/|\\[NF]\\)*+"
_STEP_MAGIC = compile_pattern(_BETWEEN_WORDS + rb"ISO-10303-21" + _BETWEEN_WORDS + rb";")
_LINE_ENDS = b"\t\n\v\f\r"
_FOREIGN_MAGIC = (
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"%PDF", "a PDF document"),
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
)


def sniff(head: bytes) -> FileKind:
    """Return the format of a file, given its first `HEAD_BYTES` bytes.

    A UTF-8 byte order mark may precede the first line. In a STEP file, blanks, comments and print directives may, too.

    Raises:
        InvalidFileFormat: When the content is neither STEP nor plain IGES.
        CorruptedFile: When the content is too little to detect a format: nothing, blanks, NULs, one byte.
    """
    if not head.strip(b"\0\t\n\v\f\r "):
        raise _no_content()
    body = head.removeprefix(UTF8_BOM)
    # The standard allows line breaks within words.
    if _STEP_MAGIC.match(body) or _STEP_MAGIC.match(body.translate(None, _LINE_ENDS)):
        return FileKind.STEP
    letter = first_line_letter(head)
    if letter == "S":
        return FileKind.IGES
    if letter in {"B", "C"}:
        raise _invalid("Binary and compressed IGES files are not read.", "iges_variant")
    for magic, what in _FOREIGN_MAGIC:
        if head.startswith(magic):
            raise _invalid(f"This is {what}, not a STEP or IGES file.", "foreign_content")
    if len(head.strip()) < 2:
        raise _no_content()
    raise _invalid("The content is neither STEP nor IGES.", "unknown_content")


def check_declared_kind(name: str, kind: FileKind) -> None:
    """Refuse a file whose name extension and content are of different formats.

    Raises:
        InvalidFileFormat: When name and content disagree, or the extension is of no known format.
    """
    declared = _declared_kind(name)
    if declared is not kind:
        raise _invalid(f"The name says {declared.upper()}, the content is {kind.upper()}.", "kind_mismatch")


def clean_file_name(name: str) -> str:
    """Return the client's file name as harmless display text; it must never become a path.

    Directory parts and invisible or bidirectional formatting are removed, control characters (line breaks included)
    become ``_``, and the result is cut to `NAME_LENGTH` characters, the extension included.

    Raises:
        InvalidFileFormat: When the name holds a NUL, or does not end in .step, .stp, .p21, .igs or .iges.
    """
    if "\0" in name:
        raise _invalid("The file name holds a NUL character.", "nul_in_name")
    base = re.split(r"[/\\]", name)[-1]
    text = "".join(_visible(character) for character in base).strip()
    _declared_kind(text)
    stem, _, suffix = text.rpartition(".")
    return f"{stem[: NAME_LENGTH - len(suffix) - 1]}.{suffix}"


def _declared_kind(name: str) -> FileKind:
    stem, _, suffix = name.rpartition(".")
    kind = _KIND_BY_SUFFIX.get(suffix.lower())
    if kind is None or not stem:
        raise _invalid("The file name must end in .step, .stp, .p21, .igs or .iges.", "extension")
    return kind


def _visible(character: str) -> str:
    category = unicodedata.category(character)
    if category in {"Cf", "Cs", "Co", "Cn"}:
        return ""
    return "_" if category in {"Cc", "Zl", "Zp"} else character


def _invalid(message: str, reason: str) -> InvalidFileFormat:
    return InvalidFileFormat(message, details={"stage": "sniff", "reason": reason}, is_fixed=True)


def _no_content() -> CorruptedFile:
    return CorruptedFile("This file holds no content.", details={"stage": "sniff", "reason": "no_content"})
