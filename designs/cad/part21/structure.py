"""Can this STEP file be read? One pass over its words, then references are held against definitions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, NoReturn

from designs.cad.files import read_regular
from designs.cad.part21.instances import StepScan
from designs.cad.part21.names import decode_text
from designs.cad.part21.tokens import (
    CLOSE,
    COMMA,
    END,
    EQUALS,
    FOLLOWERS,
    GARBAGE,
    KEYWORD,
    OPEN,
    REFERENCE,
    RESOURCE,
    SEMICOLON,
    STRING,
    TOKEN,
)  # fmt: skip
from designs.exceptions import CorruptedFile, InvalidFileFormat

__all__ = ["DEFAULT_LIMITS", "ScanLimits", "scan_step"]


@dataclass(frozen=True, slots=True)
class ScanLimits:
    """What a file may hold at most.

    Attributes:
        max_bytes: Size of the file.
        max_depth: Parentheses open at the same time; the kernel's parser crashes on tens of thousands.
        max_string_bytes: Length of one literal; the kernel's reader gives up on longer ones.
        max_identifier_digits: Length of one instance name; more than 64 bits are the kernel's trouble.
    """

    max_bytes: int = 512 * 1024 * 1024
    max_depth: int = 2_000
    max_string_bytes: int = 32_768
    max_identifier_digits: int = 1_000


DEFAULT_LIMITS: Final = ScanLimits()

# ISO 10303-203, -214 and -242 in their editions, by the names their schemas carry.
_SCHEMAS: Final = re.compile(
    r"CONFIG_CONTROL_DESIGN|CONFIGURATION_CONTROL_3D_DESIGN\w*|CCD_CLA_GVP_AST\w*"
    r"|AUTOMOTIVE_DESIGN\w*|AP203_\w+|AP214_\w+|AP242_\w+"
)
_SOLIDS: Final = frozenset({b"MANIFOLD_SOLID_BREP", b"BREP_WITH_VOIDS", b"FACETED_BREP"})
_UNITS: Final = re.compile(rb"\w*UNIT|DIMENSIONAL_EXPONENTS|GLOBAL_UNIT_ASSIGNED_CONTEXT")
_PRODUCTS: Final = re.compile(
    rb"PRODUCT|PRODUCT_DEFINITION(?:_FORMATION\w*|_WITH_ASSOCIATED_DOCUMENTS|_RELATIONSHIP)?"
    rb"|\w+_ASSEMBLY_USAGE_OCCURRENCE|\w+_COMPONENT_USAGE\w*"
)
_SHAPES: Final = re.compile(rb"PRODUCT_DEFINITION_SHAPE|SHAPE_DEFINITION_REPRESENTATION|\w*SHAPE_REPRESENTATION")
_MAX_ENTITY_NAME_BYTES: Final = 256
_BEGIN: Final = b"ISO-10303-21"
_END: Final = b"END-ISO-10303-21"


def scan_step(path: Path, *, limits: ScanLimits = DEFAULT_LIMITS) -> StepScan:
    """Check the structure of a STEP file and return what the next stages need.

    References to nowhere do not end the scan. Those of units and of the product structure are left to
    `length_unit` and `bill_of_materials`, which can name the failure better; all others are ``damage``.

    Raises:
        CorruptedFile: When the file is cut, unbalanced, holds what is no Part 21 word or defines an
            identifier twice.
        InvalidFileFormat: When it is no regular file, or its schema is not one of AP203, AP214, AP242.
        FileSizeExceeded: When it is larger than ``limits.max_bytes``.
        OSError: When it is missing or cannot be read.
    """
    data = read_regular(path, stage="scan", max_bytes=limits.max_bytes)
    if b"\0" in data:
        raise _corrupted("The file holds NUL bytes.", "nul", count=data.count(b"\0"))
    return _Scanner(data, limits).run()


class _Scanner:
    """The state of one pass."""

    def __init__(self, data: bytes, limits: ScanLimits) -> None:
        self.data = data
        self.limits = limits
        self.section = b""
        self.schema = ""
        self.defined: dict[bytes, int] = {}
        self.references: set[bytes] = set()
        self.solids: list[bytes] = []
        self.spans: dict[int, int] = {}
        self.token_count = 0
        self.data_sections = 0
        self.needs_rewrite = False

    def run(self) -> StepScan:
        words = enumerate(TOKEN.finditer(self.data, 3 if self.data.startswith(b"\xef\xbb\xbf") else 0), 1)
        end = 0
        while self.section != _END:
            end = self._read_statement(words)
        self._check_nothing_follows(end)
        units, products, lost = self._missing_by_user()
        return StepScan(
            schema=self.schema,
            entity_count=len(self.defined),
            token_count=self.token_count,
            solid_count=sum(1 for name in self.solids if name in self.references),
            missing_units=frozenset(units),
            missing_products=frozenset(products),
            damage=(f"{len(lost)} references lead to what the file does not define",) if lost else (),
            data=self.data,
            spans=self.spans,
            needs_rewrite=self.needs_rewrite,
        )

    # One loop on local names instead of small methods: it runs once per word, some millions of times.
    def _read_statement(self, words: Iterator[tuple[int, re.Match[bytes]]]) -> int:  # noqa: C901, PLR0912
        """Check the words up to the next semicolon and return where it ends."""
        followers, max_depth, max_string = FOLLOWERS, self.limits.max_depth, self.limits.max_string_bytes
        references = self.references
        previous, depth, start, name, keyword, many = SEMICOLON, 0, 0, b"", b"", False
        for count, match in words:
            kind = match.lastindex or GARBAGE
            if kind in {GARBAGE, END}:
                self._check_word(match.start(kind), ends=kind == END)
            if not followers[previous] >> kind & 1 or (kind == EQUALS and depth) or (kind == COMMA and not depth):
                raise _corrupted("The file does not follow the syntax of STEP.", "syntax", position=match.start(kind))
            if kind == REFERENCE:
                if previous == SEMICOLON:
                    name = match[REFERENCE]
                else:
                    references.add(match[REFERENCE])
            elif kind == OPEN:
                depth += 1
                many = many or previous == EQUALS
                if depth > max_depth:
                    raise _corrupted("Parentheses are nested too deep.", "depth", limit=max_depth)
            elif kind == CLOSE:
                depth -= 1
                if depth < 0:
                    raise _corrupted("A parenthesis is closed that was never opened.", "unbalanced")
            elif kind == STRING:
                if match.end() - match.start() > max_string:
                    raise _corrupted("A text is too long.", "string_length", limit=max_string)
            elif kind == KEYWORD:
                keyword = keyword or match[KEYWORD]
            elif kind == SEMICOLON:
                if depth:
                    raise _corrupted("A parenthesis is never closed.", "unbalanced")
                self.token_count = count
                break
            if previous == SEMICOLON:
                start = match.start()
            previous = kind
        self._take(start, match.end(), name, keyword, previous, many)
        return match.end()

    def _take(self, start: int, end: int, name: bytes, keyword: bytes, last: int, many: bool) -> None:
        if name:
            self._definition(start, name, keyword, last, many)
        else:
            self._statement(start, end, keyword)

    def _statement(self, start: int, end: int, keyword: bytes) -> None:
        if keyword in {_BEGIN, _END, b"HEADER", b"DATA", b"ANCHOR", b"REFERENCE", b"ENDSEC"}:
            self._enter(keyword)
        elif self.section == b"HEADER":
            if keyword == b"FILE_SCHEMA":
                self.schema = _accepted_schema(self.data[start:end])
        elif self.section not in {b"ANCHOR", b"REFERENCE"}:
            raise _corrupted("There is text outside of the sections.", "outside_section")

    def _enter(self, keyword: bytes) -> None:
        allowed = {
            b"": {_BEGIN},
            _BEGIN: {b"HEADER"},
            b"HEADER": {b"ENDSEC"},
            b"DATA": {b"ENDSEC"},
            b"ANCHOR": {b"ENDSEC"},
            b"REFERENCE": {b"ENDSEC"},
            b"ENDSEC": {b"DATA", b"ANCHOR", b"REFERENCE", _END},
        }
        if keyword not in allowed[self.section]:
            raise _corrupted("The sections of the file are out of order.", "section_order")
        if self.section == b"HEADER" and not self.schema:
            raise _corrupted("The header states no schema.", "no_schema")
        if keyword == _END and not self.data_sections:
            raise _corrupted("The file has no data section.", "no_data")
        self.data_sections += keyword == b"DATA"
        # The kernel knows one data section only.
        self.needs_rewrite |= keyword in {b"ANCHOR", b"REFERENCE"} or self.data_sections > 1
        self.section = keyword

    def _definition(self, start: int, name: bytes, keyword: bytes, last: int, many: bool) -> None:
        if self.section == b"REFERENCE" and last == RESOURCE:
            self.defined[name] = start
            return
        if self.section != b"DATA":
            raise _corrupted("An instance stands outside of the data section.", "outside_section")
        if last != CLOSE or not keyword:
            raise _corrupted("An instance has no record.", "no_record")
        if name in self.defined:
            raise _corrupted("An identifier is defined twice.", "duplicate_identifier")
        self.defined[name] = start
        if keyword in _SOLIDS:
            self.solids.append(name)
        # Curves and surfaces make up most complex instances; they are of no use here.
        if _is_kept(keyword) or (many and not keyword.startswith((b"BOUNDED_", b"B_SPLINE_"))):
            self.spans[self._identifier(name)] = start

    def _identifier(self, name: bytes) -> int:
        if len(name) > self.limits.max_identifier_digits:
            raise _corrupted("An identifier is too long.", "identifier_length")
        return int(name)

    def _missing(self) -> set[int]:
        """Return what is referred to and not defined; ``#7`` and ``#007`` are the same."""
        defined = {self._identifier(name) for name in self.defined}
        if len(defined) != len(self.defined):
            raise _corrupted("An identifier is defined twice.", "duplicate_identifier")
        return {self._identifier(name) for name in self.references if name not in self.defined} - defined

    def _missing_by_user(self) -> tuple[set[int], set[int], set[int]]:
        """Return the missing identifiers units refer to, those products refer to, and all others."""
        missing = self._missing()
        units, products = set[int](), set[int]()
        for keywords, targets in _references_by_instance(self.data) if missing else ():
            lost = targets & missing
            if lost and any(_UNITS.fullmatch(keyword) for keyword in keywords):
                units |= lost
            if lost and any(_PRODUCTS.fullmatch(keyword) for keyword in keywords):
                products |= lost
        return units, products, missing - units - products

    def _check_nothing_follows(self, position: int) -> None:
        match = TOKEN.match(self.data, position)
        if match and match.lastindex != END and match[KEYWORD] != b"SIGNATURE":
            raise _corrupted("There is text after the end of the file.", "after_end")

    def _check_word(self, position: int, *, ends: bool) -> NoReturn:
        """Tell what is wrong where no word begins, or where none is left and the file has to go on."""
        if ends and not self.section:
            raise _corrupted("The file does not begin as STEP does.", "no_begin")
        if ends:
            section = self.section.decode("ascii")
            raise _corrupted("The file is cut: its end is missing.", "truncated", section=section)
        if self.data.startswith(b"'", position):
            raise _corrupted("A text is never closed.", "unterminated_string", position=position)
        if self.data.startswith(b"/*", position):
            raise _corrupted("A comment is never closed.", "unterminated_comment", position=position)
        raise _corrupted("The file holds what is no word of STEP.", "syntax", position=position)


def _is_kept(keyword: bytes) -> bool:
    # No entity of the standard has a longer name, and the cache outlives the file.
    return len(keyword) <= _MAX_ENTITY_NAME_BYTES and _is_needed(keyword)


@lru_cache(maxsize=1024)
def _is_needed(keyword: bytes) -> bool:
    return any(pattern.fullmatch(keyword) for pattern in (_UNITS, _PRODUCTS, _SHAPES))


def _references_by_instance(data: bytes) -> Iterator[tuple[set[bytes], set[int]]]:
    """Yield (keywords, targets) of each instance that refers to others; a complex instance has several keywords."""
    keywords: set[bytes] = set()
    targets: set[int] = set()
    for match in TOKEN.finditer(data):
        if match.lastindex == SEMICOLON:
            if targets:
                yield keywords, targets
            keywords, targets = set(), set()
        elif match.lastindex == KEYWORD:
            keywords.add(match[KEYWORD])
        elif match.lastindex == REFERENCE:
            targets.add(int(match[REFERENCE]))


def _accepted_schema(statement: bytes) -> str:
    names = [decode_text(m[STRING]) for m in TOKEN.finditer(statement) if m.lastindex == STRING]
    words = [name.split("{")[0].strip().upper() for name in names]
    for word in words:
        if _SCHEMAS.fullmatch(word):
            return word
    shown = words[0][:60] if words else "none"
    raise InvalidFileFormat(
        "Only STEP files of AP203, AP214 and AP242 are read.",
        details={"stage": "scan", "reason": "schema", "schema": shown},
    )


def _corrupted(message: str, reason: str, **facts: int | str) -> CorruptedFile:
    return CorruptedFile(message, details={"stage": "scan", "reason": reason, **facts})
