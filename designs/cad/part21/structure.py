"""Structure check of a STEP file: one pass over its words, then a comparison of references with definitions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Final

from designs.cad.files import read_regular
from designs.cad.part21.encodings import UTF_8, Encoding, text_encoding
from designs.cad.part21.externals import external_parts, external_warning
from designs.cad.part21.garbage import no_word
from designs.cad.part21.instances import StepScan
from designs.cad.part21.limits import DEFAULT_LIMITS, ScanLimits
from designs.cad.part21.numbers import check_numbers
from designs.cad.part21.odd import EQUALS_BEHIND, MAX_KERNEL_ID, is_plain
from designs.cad.part21.places import place_of
from designs.cad.part21.references import PRODUCTS, UNITS, missing_by_user
from designs.cad.part21.schemas import accepted_schema
from designs.cad.part21.sections import after_signatures, is_end, read_apart
from designs.cad.part21.tokens import (
    CLOSE,
    COMMA,
    EQUALS,
    FILLER,
    FOLLOWERS,
    GARBAGE,
    KEYWORD,
    ODD_KEYWORD,
    ODD_VALUE,
    OPEN,
    PLAIN_KIND,
    REFERENCE,
    SEMICOLON,
    STRING,
    TOKEN,
    in_upper_case,
    without_line_ends,
)  # fmt: skip
from designs.cad.reasons import Damage
from designs.exceptions import CorruptedFile, InvalidFileFormat

__all__ = ["scan_step", "scan_text"]

_SOLIDS: Final = frozenset({b"MANIFOLD_SOLID_BREP", b"BREP_WITH_VOIDS", b"FACETED_BREP"})
_SHAPES: Final = re.compile(
    rb"SHAPE_DEFINITION_REPRESENTATION|\w*SHAPE_REPRESENTATION\w*|REPRESENTATION_MAP|MAPPED_ITEM"
    rb"|MANIFOLD_SOLID_BREP|BREP_WITH_VOIDS|FACETED_BREP|TESSELLATED_SOLID|TESSELLATED_SHELL"
    rb"|MEASURE_REPRESENTATION_ITEM"
)
_MAX_ENTITY_NAME_BYTES: Final = 256
_BEGIN: Final = b"ISO-10303-21"
_END: Final = b"END-ISO-10303-21"
_FRAME: Final = frozenset({_BEGIN, _END, b"HEADER", b"DATA", b"ANCHOR", b"REFERENCE", b"ENDSEC"})
# Sections with other syntax than data may follow these.
_BEFORE_OTHER_WORDS: Final = frozenset({b"ANCHOR", b"REFERENCE", b"ENDSEC"})
_SEMICOLON_BYTE: Final = b";"[0]
_EQUALS_BYTE: Final = b"="[0]


def scan_step(path: Path, *, limits: ScanLimits = DEFAULT_LIMITS) -> StepScan:
    """Check the structure of a STEP file and return the facts that the next stages need.

    Dangling references do not end the scan. Those of units and of the product structure are left to
    `length_unit` and `bill_of_materials`, which report the failure more exactly; all others are ``damage``.

    Raises:
        CorruptedFile: When the file is cut, unbalanced, contains an invalid Part 21 word or defines an
            identifier twice.
        GeometryProcessingError: When it uses coordinates that make the kernel hang.
        InvalidFileFormat: When it is no regular file, or its schema is not one of AP203, AP214, AP242.
        FileSizeExceeded: When it is larger than ``limits.max_bytes``.
        OSError: When it is missing or cannot be read.
    """
    data = read_regular(path, stage="scan", max_bytes=limits.max_bytes)
    if b"\0" in data:
        raise _corrupted("The file holds NUL bytes.", "nul", count=data.count(b"\0"))
    try:
        return _Scanner(data, limits).run()
    except CorruptedFile as e:
        joined = without_line_ends(data) if e.details["reason"] == "syntax" else data
        if len(joined) == len(data):
            raise
        return _scanned_joined(joined, limits, e)


def scan_text(data: bytes) -> StepScan:
    """Return the scan of a file accepted by `scan_step` and rewritten by `plain_text`.

    Raises:
        CorruptedFile, InvalidFileFormat: As `scan_step`.
    """
    return _Scanner(data, DEFAULT_LIMITS).run()


def _scanned_joined(data: bytes, limits: ScanLimits, failure: CorruptedFile) -> StepScan:
    """Return the scan of a file with line breaks in its words, which the standard allows; ``data`` is one line.

    Raises:
        CorruptedFile: The original failure, when this scan fails, too.
    """
    try:
        scan = _Scanner(data, limits).run()
    except (CorruptedFile, InvalidFileFormat):
        raise failure from None
    if scan.damage:
        raise failure
    return replace(scan, needs_rewrite=True)


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
        self.externals: dict[bytes, bytes] = {}
        self.needs_rewrite = False

    def run(self) -> StepScan:
        self._read_statements()
        check_numbers(self.data)
        units, products, lost = missing_by_user(self.data, self._missing())
        encoding = text_encoding(self.data)
        used = {self._identifier(name): self.externals[name] for name in self.references & self.externals.keys()}
        return StepScan(
            schema=self.schema,
            entity_count=len(self.defined),
            token_count=self.token_count,
            solid_count=sum(1 for name in self.solids if name in self.references),
            missing_units=frozenset(units),
            missing_products=frozenset(products),
            damage=(_unresolved(lost),) if lost else (),
            data=self.data,
            spans=self.spans,
            warnings=_warnings(encoding, len(used)),
            needs_rewrite=self.needs_rewrite,
            encoding=encoding,
            stand_ins=external_parts(self.data, used, encoding) if used else {},
        )

    def _read_statements(self) -> None:
        """Read the file up to its end.

        Raises:
            CorruptedFile, InvalidFileFormat: With the line, entity and section of the statement at fault.
        """
        end = 3 if self.data.startswith(b"\xef\xbb\xbf") else 0
        words = enumerate(TOKEN.finditer(self.data, end), 1)
        try:
            while self.section != _END:
                end = self._read_statement(words)
                if self.section in _BEFORE_OTHER_WORDS and (after := self._skip_section(end)) != end:
                    words = enumerate(TOKEN.finditer(self.data, after), self.token_count + 1)
            self._check_nothing_follows(end)
        except (CorruptedFile, InvalidFileFormat) as e:
            e.details = place_of(self.data, end, self.section, e.details)
            raise

    # Hot path: one loop on local names instead of small methods, since it runs once per word, some millions of times.
    def _read_statement(self, words: Iterator[tuple[int, re.Match[bytes]]]) -> int:  # noqa: C901, PLR0912
        """Check the words up to the next semicolon and return where it ends."""
        followers, max_depth, max_string = FOLLOWERS, self.limits.max_depth, self.limits.max_string_bytes
        references = self.references
        previous, depth, start, name, keyword, many = SEMICOLON, 0, 0, b"", b"", False
        for count, match in words:
            kind = match.lastindex or GARBAGE
            if kind >= ODD_VALUE:
                if kind >= GARBAGE:
                    raise no_word(self.data, match.start(kind), self.section)
                self.needs_rewrite |= not is_plain(kind, match[kind], previous)
                if kind == FILLER:
                    continue
                if kind == ODD_KEYWORD:
                    keyword = keyword or in_upper_case(match[kind])
                kind = PLAIN_KIND[kind]
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
                start = match.end()
            previous = kind
        self._take(start, match.end(), name, keyword, previous, many)
        return match.end()

    def _take(self, start: int, end: int, name: bytes, keyword: bytes, last: int, many: bool) -> None:
        if name:
            self._definition(start, name, keyword, last, many)
        else:
            self._statement(start, end, keyword)

    def _statement(self, start: int, end: int, keyword: bytes) -> None:
        if keyword in _FRAME:
            self.needs_rewrite |= self.data[start] != _SEMICOLON_BYTE
            self._enter(keyword)
        elif self.section == b"HEADER":
            if keyword == b"FILE_SCHEMA":
                self.schema = accepted_schema(self.data[start:end])
        else:
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
        self.data_sections += keyword == b"DATA"
        # The kernel knows one data section only.
        self.needs_rewrite |= keyword in {b"ANCHOR", b"REFERENCE"} or self.data_sections > 1
        self.section = keyword

    def _definition(self, start: int, name: bytes, keyword: bytes, last: int, many: bool) -> None:
        if self.section != b"DATA":
            raise _corrupted("An instance stands outside of the data section.", "outside_section")
        if last != CLOSE or not keyword:
            raise _corrupted("An instance has no record.", "no_record")
        if name in self.defined:
            raise _corrupted("An identifier is defined twice.", "duplicate_identifier")
        self.defined[name] = start
        if self.data[start] != _EQUALS_BYTE and not EQUALS_BEHIND.match(self.data, start):
            self.needs_rewrite = True
        if keyword in _SOLIDS:
            self.solids.append(name)
        # Most complex instances are curves and surfaces, which are not needed here.
        if _is_kept(keyword) or (many and not keyword.startswith((b"BOUNDED_", b"B_SPLINE_"))):
            self.spans[self._identifier(name)] = start

    def _identifier(self, name: bytes) -> int:
        if len(name) > self.limits.max_identifier_digits:
            raise _corrupted("An identifier is too long.", "identifier_length")
        return int(name)

    def _missing(self) -> set[int]:
        """Return the referenced identifiers without a definition; ``#7`` and ``#007`` are the same."""
        defined = {self._identifier(name) for name in self.defined}
        self.needs_rewrite |= max(defined, default=0) > MAX_KERNEL_ID
        if len(defined) != len(self.defined):
            raise _corrupted("An identifier is defined twice.", "duplicate_identifier")
        return {self._identifier(name) for name in self.references if name not in self.defined} - defined

    def _skip_section(self, position: int) -> int:
        """Return the position behind sections without data."""
        if self.section == b"ENDSEC":
            end = after_signatures(self.data, position)
            self.needs_rewrite |= end != position
            return end
        apart = read_apart(self.data, position, self.section)
        self.references |= apart.references
        self.externals |= apart.externals
        self.defined |= dict.fromkeys(apart.externals, position)
        return apart.end

    def _check_nothing_follows(self, position: int) -> None:
        if not is_end(self.data, after_signatures(self.data, position)):
            raise _corrupted("There is text after the end of the file.", "after_end")


def _warnings(encoding: Encoding, externals: int) -> tuple[str, ...]:
    warnings = [] if encoding is UTF_8 else [encoding.warning()]
    return (*warnings, external_warning(externals)) if externals else tuple(warnings)


def _is_kept(keyword: bytes) -> bool:
    # No entity of the standard has a longer name, and the cache outlives the file.
    return len(keyword) <= _MAX_ENTITY_NAME_BYTES and _is_needed(keyword)


@lru_cache(maxsize=1024)
def _is_needed(keyword: bytes) -> bool:
    return any(pattern.fullmatch(keyword) for pattern in (UNITS, PRODUCTS, _SHAPES))


def _unresolved(lost: set[int]) -> Damage:
    text = f"{len(lost)} references lead to what the file does not define"
    return Damage(text, "unresolved_reference", entity=f"#{min(lost)}")


def _corrupted(message: str, reason: str, **facts: int | str) -> CorruptedFile:
    return CorruptedFile(message, details={"stage": "scan", "reason": reason, **facts})
