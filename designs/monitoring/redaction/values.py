"""Removing secrets from what is about to be stored, logged or sent. Pure; returns new structures.

By key (a value under a telling name goes, whatever it is) and inside text, see `redacted_text`.
"""

from __future__ import annotations

import re
from asyncio import Future
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import Any, cast

from designs.conf import conf
from designs.context import has_met
from designs.monitoring.controlled.origins import comes_from_controlled
from designs.monitoring.controlled.program_names import WITHHELD_NAME
from designs.monitoring.secret_text.cards import is_measure
from designs.monitoring.secret_text.command_lines import filter_arguments
from designs.monitoring.secret_text.names import NameKind, name_kind
from designs.monitoring.secret_text.redact import FILTERED, is_plain, is_secret_key, is_secret_name, redact_text
from designs.monitoring.secret_text.secret_values import is_harmless, is_random
from designs.monitoring.untrusted.contents_text import structure_of
from designs.monitoring.untrusted.no_io import REFUSED, refusing_io
from designs.monitoring.untrusted.text import clean_text, raw_text, safe_str, type_name

__all__ = [
    "FILTERED",
    "is_plain",
    "is_secret_key",
    "is_secret_name",
    "redact",
    "redact_text",
    "redacted_str",
    "redacted_tail",
    "safe_str",
]

MAX_DEPTH = 8
MAX_ITEMS = 100
MAX_NODES = 2_000
MAX_KEY_CHARS = 200
MAX_TEXT_CHARS = 4_096
MAX_TOTAL_CHARS = 49_152
"""Text of one value in all: what an event may hold, and what can be searched in milliseconds."""

OVERLAP_CHARS = 4_096
"""Text is searched this far beyond where it is cut: a private key there must not keep its first half."""

TAIL_OVERLAP_CHARS = 65_536
"""The end of a text is searched this far before where it is cut, for a private key may begin there."""

# The end of a private key whose beginning is not there.
_KEY_END = re.compile(r"\A(?:(?!-----BEGIN )[\s\S])*?-----END [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----")

# What a field of a list of fields calls the name of its value: a header, a variable of an environment.
_FIELDS = ("name", "key", "field", "header")
_PAIR = 2
_PRIVATE_OF_KEY = frozenset({"d", "p", "q", "dp", "dq", "qi", "k"})
_MEASURE_MAX_CHARS = 40
# The number of a payment card has thirteen digits or more.
_SHORTEST_CARD = 10**12
_DIGITS = re.compile(r"[\d .-]+", re.ASCII)
# A key of which its name says nothing is shown where it is shorter.
_RANDOM_MIN_CHARS = 20
_PLAIN = frozenset({list, tuple, set, frozenset})
_BINARY = (bytes, bytearray, memoryview)

# Moments, numbers, ids and paths read better as text than as the expression that makes them.
_PLAINLY_PRINTED = frozenset({"datetime", "decimal", "uuid", "pathlib", "fractions", "ipaddress"})


def redacted_str(value: object, max_chars: int, convert: Callable[[object], str] = str) -> str:
    """Return the value's text, scrubbed and then cut to ``max_chars`` and a note of its length."""
    raw = value if type(value) is str else raw_text(value, convert)
    text = redact_text(clean_text(raw[: max_chars + OVERLAP_CHARS], max_chars + OVERLAP_CHARS))
    if len(raw) <= max_chars:
        return text
    # The end of what was searched may hold half a secret, wherever scrubbing moved it.
    kept = text[:-OVERLAP_CHARS] if len(raw) > max_chars + OVERLAP_CHARS else text
    return f"{kept[:max_chars]}... [{len(raw)} characters]"


def redacted_tail(text: str, max_chars: int) -> str:
    """Return the end of a text, scrubbed."""
    if len(text) <= max_chars:
        return redact_text(clean_text(text, max_chars))
    searched = max_chars + TAIL_OVERLAP_CHARS
    start = max(0, len(text) - searched)
    if start:
        # A word that the search would begin within may be the end of a secret.
        start += next((place for place, char in enumerate(text[start : start + OVERLAP_CHARS]) if char.isspace()), 0)
    scrubbed = redact_text(_KEY_END.sub(FILTERED, clean_text(text[start:], searched), count=1))
    return scrubbed[-max_chars:]


def redact(value: object, key: str = "") -> Any:
    """Return a scrubbed, JSON-ready, bounded copy of any value.

    Args:
        value: Anything: a model, a cycle, ten megabytes, an object whose ``repr`` raises.
        key: The name the value stands under, when it has one.
    """
    return _Copy().of(value, key, 0)


def _must_go(value: object, kind: type, key: str) -> bool:
    """Tell whether a value under a key goes; what a name says, its value may unsay (`COUNTED`, a form's error)."""
    sort = name_kind(key[:MAX_KEY_CHARS])
    if sort is NameKind.HARMLESS:
        return len(key) > MAX_KEY_CHARS and is_secret_key(key)
    if kind is str:
        text = cast("str", value)[:MAX_TEXT_CHARS]
        if not text:
            # Asked of a name alone, too.
            return sort is not NameKind.RANDOM
        if sort is NameKind.RANDOM:
            return len(text) >= _RANDOM_MIN_CHARS and " " not in text and is_random(text, 0)
        return not is_harmless(text, 0, sort, key)
    if sort is NameKind.RANDOM:
        return False
    if sort is NameKind.COUNTED and (kind is int or kind is float):
        return False
    if kind is list or kind is tuple:
        items = cast("Sequence[object]", value)[:MAX_ITEMS]
        return any(type(item) is not str or _must_go(item, str, key) for item in items)
    return True


def _is_withheld(value: object, kind: type) -> bool:
    """Return whether a value is an exception of controlled work, or a future, whose text quotes its exception."""
    if issubclass(kind, BaseException):
        return comes_from_controlled(cast("BaseException", value))
    return issubclass(kind, Future)


def _is_telling(name: object) -> bool:
    if type(name) is bytes:
        name = name[:MAX_KEY_CHARS].decode("latin-1")
    return type(name) is str and is_secret_name(name[:MAX_KEY_CHARS])


def _is_name(value: object) -> bool:
    return type(value) is str and value.isalpha() and _is_telling(value)


def _named_before(values: Sequence[object]) -> Iterator[int]:
    """Yield the places of values that the one before gives the name of: in a pair, or after a command's option."""
    if len(values) == _PAIR:
        if _is_telling(values[0]) and not _is_name(values[1]):
            yield 1
        return
    for place, value in enumerate(values[:-1]):
        if type(value) is str and value.startswith("-") and "=" not in value and _is_telling(value):
            following = values[place + 1]
            if not (type(following) is str and following.startswith("-")):
                yield place + 1


@lru_cache(maxsize=1024)
def _scrubbed_key(text: str, *settings: bool) -> str:
    # The same names come again and again. The settings are part of the key only.
    return redact_text(text)


@dataclass
class _Copy:
    """One bounded walk over a value: depth, breadth and number of nodes are limited, cycles end by depth."""

    nodes: int = 0
    chars: int = 0
    has_met: bool = field(default_factory=has_met)

    def of(self, value: object, key: str, depth: int) -> Any:
        self.nodes += 1
        if value is None or value is True or value is False:
            return value
        kind = type(value)
        # Most names are harmless, and a call less for each of them is a tenth of the walk.
        if key and (len(key) > MAX_KEY_CHARS or name_kind(key) is not NameKind.HARMLESS) and _must_go(value, kind, key):
            return FILTERED
        if kind is int or kind is float:
            return self._number(value, kind, key)
        if kind is str:
            return self._text(value) if not key else self._string(cast("str", value), key)
        if self.nodes > MAX_NODES:
            return "[cut]"
        try:
            return self._container(value, depth)
        except REFUSED:
            return self._text(value, structure_of)
        except Exception as error:  # noqa: BLE001 - iterating somebody's object runs somebody's code
            return f"<{type_name(value)}: reading raised {type(error).__name__}>"

    def _container(self, value: object, depth: int) -> Any:
        # By type(): isinstance() would make a lazy object fetch what it stands for.
        kind = type(value)
        if issubclass(kind, Mapping):
            if depth >= MAX_DEPTH:
                return "[cut: too deep]"
            return self._mapping(cast("Mapping[Any, Any]", value), depth)
        if issubclass(kind, list | tuple | set | frozenset):
            if depth >= MAX_DEPTH:
                return "[cut: too deep]"
            return self._sequence(cast("Collection[object]", value), depth)
        if issubclass(kind, _BINARY):
            base = next(base for base in _BINARY if issubclass(kind, base))
            length: Callable[[object], int] = cast("Any", base).__len__
            return f"<{length(value)} bytes>"
        if issubclass(kind, str):
            return self._text(str.__str__(cast("str", value)))
        if self.has_met and _is_withheld(value, kind):
            return WITHHELD_NAME
        return self._text(value, str if kind.__module__.partition(".")[0] in _PLAINLY_PRINTED else repr)

    def _text(self, value: object, convert: Callable[[object], str] = str) -> str:
        room = min(MAX_TEXT_CHARS, MAX_TOTAL_CHARS - self.chars)
        if room <= 0:
            return "[cut]"
        text = redacted_str(value, room, convert)
        self.chars += len(text)
        return text

    def _number(self, value: Any, kind: type, key: str) -> Any:
        if kind is float:
            return value if value - value == 0 else str(value)
        if -_SHORTEST_CARD < value < _SHORTEST_CARD:
            return value
        if not -(2**63) <= value < 2**63:
            return self._text(value, repr)
        if key and is_measure(key):
            return value
        return FILTERED if value > 0 and redact_text(str(value)) == FILTERED else value

    def _string(self, value: str, key: str) -> str:
        if len(value) <= _MEASURE_MAX_CHARS and key and _DIGITS.fullmatch(value) and is_measure(key):
            return value
        return self._text(value)

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        pairs, size, names_value = _pairs_of(value)
        copy: dict[str, Any] = {}
        redact_email, redact_ip = conf.redact_email, conf.redact_ip
        for name, item in pairs:
            text = clean_text(name, MAX_KEY_CHARS) if type(name) is str else safe_str(name, MAX_KEY_CHARS)
            self.chars += len(text)
            copied = FILTERED if names_value and text == "value" else self.of(item, text, depth + 1)
            copy[_scrubbed_key(text, redact_email, redact_ip)] = copied
        if size > MAX_ITEMS:
            copy["..."] = f"[{size - MAX_ITEMS} more]"
        return copy

    def _sequence(self, value: Collection[object], depth: int) -> list[Any]:
        items, size = _items_of(value)
        copy = [self.of(item, "", depth + 1) for item in items]
        if issubclass(type(value), list | tuple):
            for place in _named_before(items):
                copy[place] = FILTERED
            filter_arguments(items, copy)
        if size > MAX_ITEMS:
            copy.append(f"[{size - MAX_ITEMS} more]")
        return copy


def _pairs_of(value: Mapping[Any, Any]) -> tuple[list[tuple[Any, Any]], int, bool]:
    """Return the first pairs of a mapping, how many there are, and whether one names the value of another."""
    if type(value) is dict:
        if "value" in value or "kty" in value:
            return _read_pairs(value)
        return list(islice(value.items(), MAX_ITEMS)), len(value), False
    # What a class of its own does for its items may query.
    with refusing_io():
        return _read_pairs(value)


def _read_pairs(value: Mapping[Any, Any]) -> tuple[list[tuple[Any, Any]], int, bool]:
    names_value = any(_is_telling(value.get(field)) for field in _FIELDS) if "value" in value else False
    pairs = list(islice(value.items(), MAX_ITEMS))
    if "kty" in value:
        # A key as JSON has it (RFC 7517): what is private in it has names of a letter or two.
        pairs = [(name, FILTERED if type(name) is str and name in _PRIVATE_OF_KEY else item) for name, item in pairs]
    return pairs, len(value), names_value


def _items_of(value: Collection[object]) -> tuple[list[object], int]:
    if type(value) in _PLAIN:
        return list(islice(value, MAX_ITEMS)), len(value)
    with refusing_io():
        return list(islice(value, MAX_ITEMS)), len(value)
