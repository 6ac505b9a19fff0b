"""Data of the fingerprinting core: its input (`Raised`, `Facts`) and its result (`Fingerprint`)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

__all__ = ["MAX_CHAIN", "MAX_NODES", "VERSION", "Facts", "Fingerprint", "Raised", "make"]

VERSION = "1"

MAX_CHAIN = 10
MAX_NODES = 1_000
"""Limit of exceptions read in total: a group may contain any number."""


@dataclass(frozen=True)
class Fingerprint:
    """A grouping key and its origin.

    Attributes:
        key: ``"1:<32 hex>"``.
        version: The part of the key before the colon.
        parts: The readable input of the key's digest. Parts that begin with ``note:`` are not hashed.
        aliases: Other keys that the group may have: the key of all frames, including foreign ones.
        site: Type and innermost own frame; groups with one site are shown as related.
    """

    key: str
    version: str
    parts: tuple[str, ...]
    aliases: tuple[str, ...]
    site: str

    def joined_to(self, key: str) -> Fingerprint:
        """Return a copy with the key of the group that it was merged into; the own key becomes an alias."""
        others = [alias for alias in (self.key, *self.aliases) if alias != key]
        return replace(self, key=key, aliases=tuple(others))


class Facts(Protocol):
    """Facts of an exception that are expensive to find, so they are read only if a rule needs them."""

    def message(self) -> str:
        """Return the exception's text."""

    def places(self) -> list[str]:
        """Return the places of all frames, innermost last. They do not depend on which code is own."""

    def clue(self, name: str) -> str:
        """Return one fact about the exception or its frames; empty if unknown. `rules` lists the names."""


@dataclass(slots=True)
class Raised:
    """One exception, as input of the core.

    Attributes:
        type: Qualified name of the class.
        bases: Qualified names of the class and its bases, as far as known.
        own: Names of the application's frames, innermost last.
        every: Names of all frames, innermost last.
        line: Source line of the innermost own frame; empty without one, None if it cannot be read.
        facts: Further facts, read on demand.
        cause: The next exception of the chain: cause or context.
        members: The exceptions of a group, including its cause; None if it is not a group.
        known_details: Cached result of `rules.details_of`.
        details: Further parts, if the frames of an event do not identify the failure.
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
        parts: The input of the digest, in order.
        site: See `Fingerprint`.
        notes: Texts that are added to the parts, but not hashed.
        aliases: Other keys; the fingerprint's own key is removed.
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
    """Return version and digest of the parts. The digest depends on the borders between them."""
    joined = "\0".join(parts)
    if joined.count("\0") >= len(parts):
        joined = "\0".join([part.replace("\0", "\ufffd") for part in parts])
    digest = hashlib.blake2b(joined.encode("utf-8", "backslashreplace"), digest_size=16).hexdigest()
    return f"{VERSION}:{digest}"
