"""Result of the scan of a Part 21 file, with parameters of instances parsed on demand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from designs.cad.part21.encodings import UTF_8, Encoding
from designs.cad.part21.names import decode_text
from designs.cad.part21.tokens import CLOSE, COMMA, EQUALS, KEYWORD, OPEN, REFERENCE, SEMICOLON, STRING, words

__all__ = ["Instance", "Parameter", "Reference", "StepScan", "Text", "Typed"]


@dataclass(frozen=True, slots=True)
class Reference:
    """``#12``."""

    target: int


@dataclass(frozen=True, slots=True)
class Text:
    """``'text'``, still quoted and escaped."""

    literal: bytes
    encoding: Encoding = UTF_8

    def __str__(self) -> str:
        return decode_text(self.literal, self.encoding)


@dataclass(frozen=True, slots=True)
class Typed:
    """``KEYWORD(parameters)`` used as a value; ``parameters`` is empty for a bare word."""

    keyword: str
    parameters: list[Parameter]


Parameter = Reference | Text | Typed | str | list["Parameter"]
"""A value; plain ``str`` is a number, an enumeration such as ``.METRE.``, ``$`` or ``*``, as written."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance: keyword -> parameters, more than one keyword for a complex instance."""

    identifier: int
    records: Mapping[str, list[Parameter]]

    def first(self, *keywords: str) -> list[Parameter] | None:
        """Return the parameters of the first of these keywords that the instance has."""
        for keyword in keywords:
            if keyword in self.records:
                return self.records[keyword]
        return None


@dataclass(frozen=True)
class StepScan:
    """A readable STEP file: facts about its structure, and access to the instances that later stages need.

    Attributes:
        schema: Name of the application protocol's schema, upper case.
        entity_count: Instances defined in the file.
        token_count: Words read, a measure of the work done.
        solid_count: Solid bodies defined and used by something in the file.
        missing_units: Undefined identifiers that unit instances refer to.
        missing_products: Undefined identifiers that the product structure refers to.
        damage: Other dangling references, as a short text; empty without any. They do not end the scan: the
            kernel's reaction decides how the file fails.
        needs_rewrite: The file uses syntax that the standard allows and the kernel does not read.
        encoding: The encoding of its texts.
        stand_ins: Instances that replace those in other files.
        warnings: Oddities that do not fail the file, as texts shown with the design.
    """

    schema: str
    entity_count: int
    token_count: int
    solid_count: int
    missing_units: frozenset[int]
    missing_products: frozenset[int]
    damage: tuple[str, ...]
    data: bytes = field(repr=False)
    spans: Mapping[int, int] = field(repr=False)
    warnings: tuple[str, ...] = ()
    needs_rewrite: bool = False
    encoding: Encoding = UTF_8
    stand_ins: Mapping[int, Instance] = field(default_factory=dict, repr=False)

    def instance(self, identifier: int) -> Instance | None:
        """Return an instance of the units, contexts, representations or products; None for any other."""
        return self._instances.get(identifier)

    def with_keyword(self, keyword: str) -> list[Instance]:
        """Return the instances with this keyword, in the order of the file."""
        return self._by_keyword.get(keyword, [])

    def with_suffix(self, *suffixes: str) -> list[Instance]:
        """Return the instances with a keyword that has this suffix, each once."""
        found = {
            instance.identifier: instance
            for keyword, instances in self._by_keyword.items()
            if keyword.endswith(suffixes)
            for instance in instances
        }
        return list(found.values())

    @cached_property
    def _instances(self) -> dict[int, Instance]:
        found = {identifier: _parsed(self, identifier, start) for identifier, start in self.spans.items()}
        return {**found, **self.stand_ins}

    @cached_property
    def _by_keyword(self) -> dict[str, list[Instance]]:
        found: dict[str, list[Instance]] = {}
        for instance in self._instances.values():
            for keyword in instance.records:
                found.setdefault(keyword, []).append(instance)
        return found


def _parsed(scan: StepScan, identifier: int, start: int) -> Instance:
    """Read the instance whose definition starts at ``start``; the scan has checked its syntax."""
    parameters = _parameters(words(scan.data, start), scan.encoding)
    first = parameters[0]
    records = first if isinstance(first, list) else parameters
    return Instance(identifier, {r.keyword: r.parameters for r in records if isinstance(r, Typed)})


def _parameters(found: Iterator[tuple[int, bytes]], encoding: Encoding) -> list[Parameter]:
    """Build the nested value. Iterative, because the file decides the depth of nesting."""
    current: list[Parameter] = []
    stack: list[list[Parameter]] = []
    previous = SEMICOLON
    for kind, word in found:
        if kind == SEMICOLON:
            break
        if kind == OPEN:
            stack.append(current)
            current = _opened(current, typed=previous == KEYWORD)
        elif kind == CLOSE:
            current = stack.pop()
        elif kind == EQUALS:
            current.clear()
        elif kind != COMMA:
            current.append(_value(kind, word, encoding))
        previous = kind
    return current


def _opened(current: list[Parameter], *, typed: bool) -> list[Parameter]:
    """Return the list for the next values: the parameters of the keyword just read, or a new list."""
    if typed and isinstance(last := current[-1], Typed):
        return last.parameters
    inner: list[Parameter] = []
    current.append(inner)
    return inner


def _value(kind: int, word: bytes, encoding: Encoding) -> Parameter:
    if kind == REFERENCE:
        return Reference(int(word))
    if kind == STRING:
        return Text(word, encoding)
    if kind == KEYWORD:
        return Typed(word.decode("ascii").upper(), [])
    return word.decode("ascii")
