"""The plain data that the core decides on, and what it answers with."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

__all__ = ["MAX_CHAIN", "MAX_NODES", "VERSION", "Facts", "Fingerprint", "Raised", "make"]

VERSION = "1"

MAX_CHAIN = 10
MAX_NODES = 1_000
"""Exceptions looked at in all: a group may hold any number."""


@dataclass(frozen=True)
class Fingerprint:
    """A grouping key and how it came about.

    Attributes:
        key: ``"1:<32 hex>"``.
        parts: The readable pieces the key is made of; those that begin with ``note:`` are not hashed.
        aliases: Other keys under which the group may be known: the one over all frames, foreign ones too.
        site: Type and innermost own frame; groups with one site are shown as related.
    """

    key: str
    version: str
    parts: tuple[str, ...]
    aliases: tuple[str, ...]
    site: str

    def joined_to(self, key: str) -> Fingerprint:
        """Return the same under the key of the group that counts it; its own key is one of the aliases then."""
        others = [alias for alias in (self.key, *self.aliases) if alias != key]
        return replace(self, key=key, aliases=tuple(others))


class Facts(Protocol):
    """What is asked for only if a rule needs it, because it costs time to find."""

    def message(self) -> str:
        """Return the exception's text."""

    def places(self) -> list[str]:
        """Return the places of all frames, innermost last: the same whatever code is the application's."""

    def clue(self, name: str) -> str:
        """Return one fact the exception or its frames hold, empty if unknown: see `rules`."""


@dataclass(slots=True)
class Raised:
    """One exception as the core sees it.

    Attributes:
        type: Qualified name.
        bases: Qualified names of its class and all it inherits from, as far as known.
        own: Names of the application's frames, innermost last.
        every: Names of all frames, innermost last.
        line: Source line of the innermost own frame; None where it cannot be read here.
        facts: More, on demand.
        cause: What led to it.
        members: The exceptions of a group, what led to it included; None if it is no group.
        known_details: What `rules.details_of` has found.
        details: Further parts, where the frames of an event do not identify the failure.
    """

    type: str
    bases: frozenset[str]
    own: Sequence[str]
    every: Sequence[str]
    line: str | None
    facts: Facts
    cause: Raised | None = None
    members: list[Raised] | None = None
    known_details: list[str] | None = None
    details: Sequence[str] = ()


def make(parts: Sequence[str], site: str, *, notes: Sequence[str] = (), aliases: Sequence[str] = ()) -> Fingerprint:
    """Return the fingerprint over the parts.

    Args:
        parts: What is hashed, in order.
        site: See `Fingerprint`.
        notes: Said in the parts, not hashed.
        aliases: Keys; the fingerprint's own is left out.
    """
    key = key_of(parts)
    return Fingerprint(
        key,
        VERSION,
        (*parts, *[f"note: {note}" for note in notes]),
        tuple([alias for alias in aliases if alias != key]),
        site,
    )


def key_of(parts: Sequence[str]) -> str:
    """Return version and digest of the parts, whose borders count."""
    joined = "\0".join(parts)
    if joined.count("\0") >= len(parts):
        joined = "\0".join([part.replace("\0", "\ufffd") for part in parts])
    digest = hashlib.blake2b(joined.encode("utf-8", "backslashreplace"), digest_size=16).hexdigest()
    return f"{VERSION}:{digest}"
