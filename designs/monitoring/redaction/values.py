"""Redaction of values before they are stored, logged or sent. Pure; returns new structures.

A value is removed if its key names a secret. Secrets inside of texts are removed by `secret_text.redact`.
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
from designs.monitoring.secret_text.redact import FILTERED, is_plain, is_secret_key, is_secret_name, redact_text
from designs.monitoring.secret_text.secret_names import NameKind, name_kind
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
"""Limit of all text of one value: it fits into an event, and its search takes milliseconds."""

OVERLAP_CHARS = 4_096
"""Text is searched this far beyond the cut, so that the first half of a private key there is removed, too."""

TAIL_OVERLAP_CHARS = 65_536
"""The end of a text is searched from this far before the cut, because a private key may begin there."""

# The end of a private key whose beginning was cut off.
_KEY_END = re.compile(r"\A(?:(?!-----BEGIN )[\s\S])*?-----END [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----")

# Keys that hold the name of the value beside them, as in lists of headers or of environment variables.
_FIELDS = ("name", "key", "field", "header")
_PAIR = 2
_PRIVATE_OF_KEY = frozenset({"d", "p", "q", "dp", "dq", "qi", "k"})
_MEASURE_MAX_CHARS = 40
# The number of a payment card has thirteen digits or more.
_SHORTEST_CARD = 10**12
_DIGITS = re.compile(r"[\d .-]+", re.ASCII)
# Under a name that may or may not mean a secret, shorter values are kept.
_RANDOM_MIN_CHARS = 20
_PLAIN = frozenset({list, tuple, set, frozenset})
_BINARY = (bytes, bytearray, memoryview)

# Modules of types whose ``str`` is easier to read than their ``repr``: times, numbers, ids and paths.
_PLAINLY_PRINTED = frozenset({"datetime", "decimal", "uuid", "pathlib", "fractions", "ipaddress"})


def redacted_str(value: object, max_chars: int, convert: Callable[[object], str] = str) -> str:
    """Return the value's text, redacted and then cut to ``max_chars``, with a note of its full length."""
    raw = value if type(value) is str else raw_text(value, convert)
    text = redact_text(clean_text(raw[: max_chars + OVERLAP_CHARS], max_chars + OVERLAP_CHARS))
    if len(raw) <= max_chars:
        return text
    # The end of the searched text may hold half a secret, and redaction may have moved it.
    kept = text[:-OVERLAP_CHARS] if len(raw) > max_chars + OVERLAP_CHARS else text
    return f"{kept[:max_chars]}... [{len(raw)} characters]"


def redacted_tail(text: str, max_chars: int) -> str:
    """Return the end of a text, redacted."""
    if len(text) <= max_chars:
        return redact_text(clean_text(text, max_chars))
    searched = max_chars + TAIL_OVERLAP_CHARS
    start = max(0, len(text) - searched)
    if start:
        # Skip the word at the start of the search: it may be the end of a secret.
        start += next((place for place, char in enumerate(text[start : start + OVERLAP_CHARS]) if char.isspace()), 0)
    scrubbed = redact_text(_KEY_END.sub(FILTERED, clean_text(text[start:], searched), count=1))
    return scrubbed[-max_chars:]


def redact(value: object, key: str = "") -> Any:
    """Return a redacted, JSON-ready, bounded copy of any value.

    Args:
        value: Anything: a model, a cyclic structure, ten megabytes, an object whose ``repr`` raises.
        key: The key of the value; empty if it has none.
    """
    return _Copy().of(value, key, 0)


def _redacts(value: object, kind: type, key: str) -> bool:
    """Return whether to remove a value under a key. Some values stay: numbers (`COUNTED`), the errors of a form."""
    sort = name_kind(key[:MAX_KEY_CHARS])
    if sort is NameKind.HARMLESS:
        return len(key) > MAX_KEY_CHARS and is_secret_key(key)
    if kind is str:
        text = cast("str", value)[:MAX_TEXT_CHARS]
        if not text:
            # Callers also pass an empty text to check the name alone.
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
        return any(type(item) is not str or _redacts(item, str, key) for item in items)
    return True


def _is_withheld(value: object, kind: type) -> bool:
    """Return whether a value is an exception of controlled work, or a future, whose text quotes its exception."""
    if issubclass(kind, BaseException):
        return comes_from_controlled(cast("BaseException", value))
    return issubclass(kind, Future)


def _names_secret(name: object) -> bool:
    if type(name) is bytes:
        name = name[:MAX_KEY_CHARS].decode("latin-1")
    return type(name) is str and is_secret_name(name[:MAX_KEY_CHARS])


def _is_name(value: object) -> bool:
    return type(value) is str and value.isalpha() and _names_secret(value)


def _named_before(values: Sequence[object]) -> Iterator[int]:
    """Yield the places of values that the preceding value names: in a pair, or after an option of a command."""
    if len(values) == _PAIR:
        if _names_secret(values[0]) and not _is_name(values[1]):
            yield 1
        return
    for place, value in enumerate(values[:-1]):
        if type(value) is str and value.startswith("-") and "=" not in value and _names_secret(value):
            following = values[place + 1]
            if not (type(following) is str and following.startswith("-")):
                yield place + 1


@lru_cache(maxsize=1024)
def _scrubbed_key(text: str, *settings: bool) -> str:
    # The same names recur. The settings are only part of the cache key.
    return redact_text(text)


@dataclass
class _Copy:
    """One bounded copy of a value. Depth, breadth and number of nodes are limited; the depth ends cycles."""

    nodes: int = 0
    chars: int = 0
    has_met: bool = field(default_factory=has_met)

    def of(self, value: object, key: str, depth: int) -> Any:
        self.nodes += 1
        if value is None or value is True or value is False:
            return value
        kind = type(value)
        # Most names are harmless. Avoiding a call for each of them saves a tenth of the time.
        if key and (len(key) > MAX_KEY_CHARS or name_kind(key) is not NameKind.HARMLESS) and _redacts(value, kind, key):
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
        except Exception as error:  # noqa: BLE001 - iterating a foreign object runs foreign code
            return f"<{type_name(value)}: reading raised {type(error).__name__}>"

    def _container(self, value: object, depth: int) -> Any:
        # By type(): isinstance() would make a lazy object fetch its value.
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
    """Return the first pairs of a mapping, its size, and whether one pair names the value of another."""
    if type(value) is dict:
        if "value" in value or "kty" in value:
            return _read_pairs(value)
        return list(islice(value.items(), MAX_ITEMS)), len(value), False
    # Other classes may run a query to produce their items.
    with refusing_io():
        return _read_pairs(value)


def _read_pairs(value: Mapping[Any, Any]) -> tuple[list[tuple[Any, Any]], int, bool]:
    names_value = any(_names_secret(value.get(field)) for field in _FIELDS) if "value" in value else False
    pairs = list(islice(value.items(), MAX_ITEMS))
    if "kty" in value:
        # A JSON Web Key (RFC 7517): its private members have names of one or two letters.
        pairs = [(name, FILTERED if type(name) is str and name in _PRIVATE_OF_KEY else item) for name, item in pairs]
    return pairs, len(value), names_value


def _items_of(value: Collection[object]) -> tuple[list[object], int]:
    if type(value) in _PLAIN:
        return list(islice(value, MAX_ITEMS)), len(value)
    with refusing_io():
        return list(islice(value, MAX_ITEMS)), len(value)
