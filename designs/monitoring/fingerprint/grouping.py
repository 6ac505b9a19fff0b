"""Grouping: derives the parts of the key from exceptions as plain data. Pure; independent of tracebacks and JSON.

The parts are the types of the chain, the own frames of each exception, and the source line of its innermost own frame.
If no frame is own, they are the innermost frames of libraries and the names in the messages. If only outer frames
remain, they are the messages. Groups follow Sentry's RFC 0079, but without an order: their contents are flattened,
sorted and de-duplicated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from designs.conf import conf
from designs.monitoring.fingerprint.frames import collapse_cycles
from designs.monitoring.fingerprint.message_words import wording
from designs.monitoring.fingerprint.model import MAX_CHAIN, Fingerprint, Raised, key_of, make
from designs.monitoring.fingerprint.named_things import names_in
from designs.monitoring.fingerprint.outer_frames import has_inner, inner_frames, library_of
from designs.monitoring.fingerprint.rules import RETRIES, details_of, reads_exception, rule_for

__all__ = ["describe", "names_of", "told_by", "with_override"]

_MAX_FOREIGN_FRAMES = 12
_MAX_LEAVES = 50
_DEFAULTS = frozenset({"{{ default }}", "{{default}}"})
_RECURSION = "RecursionError"
_MOST_TIMES_RARER = 20
"""Members of a recursion may occur this many times less often than the most frequent one.

A helper that calls itself is on the stack more often than its callers, which identify the bug.
"""


def describe(raised: Raised, task: str, override: Callable[[Sequence[str], str], list[str] | None]) -> Fingerprint:
    """Return the fingerprint of an exception.

    Args:
        raised: The outermost exception.
        task: Name of the Celery task that it ended; empty outside of tasks.
        override: Returns the application's own entries for the parts and the site; usually None.
    """
    parts, plain = _chain_parts(raised, task)
    site = _site(raised, task)
    notes = [] if plain and all(link.line is not None for link in links(raised)) else _notes(raised)
    alias = _alias_parts(raised, task, parts)
    aliases = [] if alias is None else [key_of(["all frames", *alias])]
    return with_override(override(parts, site), make(parts, site, notes=notes, aliases=aliases))


def with_override(wanted: list[str] | None, default: Fingerprint) -> Fingerprint:
    """Return the fingerprint of the application's entries; ``{{ default }}`` stands for the default parts."""
    if not wanted or all(entry in _DEFAULTS for entry in wanted):
        return default
    if not _DEFAULTS.intersection(wanted):
        return make(["custom", *wanted], default.site)
    hashed = [part for part in default.parts if not part.startswith("note: ")]
    return make(
        [piece for entry in wanted for piece in (hashed if entry in _DEFAULTS else [f"custom {entry}"])],
        default.site,
        notes=[part[6:] for part in default.parts if part.startswith("note: ")],
    )


def links(raised: Raised) -> Iterator[Raised]:
    """Yield the chain, outermost first. It ends at a group, because the members of a group include its cause."""
    link: Raised | None = raised
    for _ in range(MAX_CHAIN):
        if link is None:
            return
        yield link
        link = link.cause if link.members is None else None


def told_by(raised: Raised) -> str:
    """Return the basis of the key: ``shape`` for types and frames, ``names`` if names in the messages count, too.

    Empty if a rule reads more of the exceptions.
    """
    chain = list(links(raised))
    mode = _mode(chain)
    if mode not in {"own", "all"} or any(link.members is not None or reads_exception(link) for link in chain):
        return ""
    return "names" if mode == "all" else "shape"


def names_of(chain: Iterable[tuple[frozenset[str], Callable[[], str]]]) -> tuple[str, ...]:
    """Return the names in the messages of a chain, each once: a driver's error and its wrapper have the same text.

    Args:
        chain: The bases of each exception, and a function that returns its message.
    """
    return tuple(dict.fromkeys(name for bases, text in chain for name in names_in(bases, text())))


def _chain_parts(raised: Raised, task: str) -> tuple[list[str], bool]:
    """Return the parts, and whether they come from neither a rule nor a group."""
    rule = rule_for(raised, task, _innermost_own_frame)
    if rule is not None:
        if not rule.goes_on or raised.cause is None:
            return rule.parts, False
        return [*rule.parts, *_chain_parts(raised.cause, task)[0]], False
    chain = list(links(raised))
    mode = _mode(chain)
    plain = chain[-1].members is None
    described = chain[: None if plain else -1]
    parts = [part for link in described for part in _link_parts(link, mode)]
    named = [] if mode in {"own", "none"} else names_of((link.bases, link.facts.message) for link in described)
    parts += [f"names {name}" for name in named]
    if not plain:
        parts += _group_parts(chain[-1], task, alone=len(chain) == 1)
    elif mode == "none" or (mode == "outer" and not named):
        parts += _messages(chain)
    return parts, plain


def _messages(chain: Sequence[Raised]) -> list[str]:
    """Return the message of the outermost exception, and the messages of the others unless empty."""
    messages = [link.facts.message() for link in chain]
    return [f"message {wording(text)}" for place, text in enumerate(messages) if text or place == 0]


def _mode(chain: Sequence[Raised]) -> str:
    """Return which frames count: ``own`` ones, else ``all`` inner ones, else ``outer``; ``none`` without frames."""
    if any(link.own for link in chain):
        return "own"
    if not any(link.every for link in chain):
        return "none"
    return "all" if any(has_inner(link.every) for link in chain) else "outer"


def _link_parts(link: Raised, mode: str) -> list[str]:
    parts = [f"type {link.type}", *link.details, *details_of(link)]
    if mode == "own":
        return _own_parts(link, parts)
    names = inner_frames(link.every)
    if not names:
        return [*parts, f"library {library_of(link.every)}"] if link.every else parts
    if link.type == _RECURSION and (path := _recursion(names)):
        return parts + path
    return [*parts, *(f"frame {name}" for name in collapse_cycles(names)[-_MAX_FOREIGN_FRAMES:])]


def _own_parts(link: Raised, parts: list[str]) -> list[str]:
    if link.type == _RECURSION and (path := _recursion(link.own)):
        return parts + path
    parts += [f"frame {name}" for name in collapse_cycles(link.own)]
    if link.line:
        parts.append(f"line {link.line}")
    return parts


def _recursion(names: Sequence[str]) -> list[str]:
    """Return the path into the recursion and the set of its members: the stack may end at any of them."""
    counts = Counter(names)
    most = max(counts.values(), default=0)
    if most < 2:
        return []
    members = {name for name, count in counts.items() if count > 1 and count * _MOST_TIMES_RARER >= most}
    start = next(index for index, name in enumerate(names) if name in members)
    way = [f"frame {name}" for name in collapse_cycles(names[:start])]
    return [*way, *(f"recursion {name}" for name in sorted(members))]


def _group_parts(group: Raised, task: str, alone: bool) -> list[str]:
    leaves = sorted({tuple(_chain_parts(leaf, task)[0]) for leaf in _leaves(group)})
    if len(leaves) == 1 and alone:
        return list(leaves[0])
    parts = ["group", *_link_parts(group, _mode([group]))] if len(leaves) != 1 else []
    for leaf in leaves[:_MAX_LEAVES]:
        parts += ["leaf", *leaf]
    return parts


def _leaves(group: Raised, depth: int = 0) -> Iterator[Raised]:
    for member in group.members or ():
        if member.members is None:
            yield member
        elif depth < MAX_CHAIN:
            yield from _leaves(member, depth + 1)


def _notes(raised: Raised) -> list[str]:
    missing = conf.fingerprint_source_line and any(link.own and link.line is None for link in links(raised))
    return ["the source line cannot be read here"] if missing else []


def _innermost_own_frame(raised: Raised) -> str:
    """Return the innermost own frame of the deepest exception that has one."""
    where = ""
    for link in links(raised):
        if link.own:
            where = link.own[-1]
        if link.members is not None:
            where = min(filter(None, map(_innermost_own_frame, _leaves(link))), default=where)
    return where


def _site(raised: Raised, task: str) -> str:
    kind = raised.type
    if raised.members is not None and len(kinds := {leaf.type for leaf in _leaves(raised)}) == 1:
        kind = kinds.pop()
    where = _innermost_own_frame(raised) or task
    return f"{kind} in {where}" if where else kind


def _alias_parts(raised: Raised, task: str, parts: Sequence[str]) -> list[str] | None:
    """Return the parts of the alias. They do not depend on which code is own, and distinguish more than any key.

    Args:
        raised: The outermost exception.
        task: Name of the Celery task that it ended.
        parts: The parts of its key.

    Returns:
        None if the key has no frames, or only outer ones, or if a rule decides which of them counts.
    """
    if parts[0].startswith("rule "):
        inner = None if parts[0] != RETRIES or raised.cause is None else _alias_parts(raised.cause, task, parts[1:])
        return None if inner is None else [RETRIES, *inner]
    chain = list(links(raised))
    if chain[-1].members is not None:
        return _group_alias(chain, task)
    return _chain_alias(chain) if any(has_inner(link.every) for link in chain) else None


def _chain_alias(chain: Sequence[Raised]) -> list[str]:
    alias: list[str] = []
    for link in chain:
        alias += [f"type {link.type}", *link.details, *details_of(link)]
        places = link.facts.places()
        way = _recursion(places) if link.type == _RECURSION else []
        alias += way or collapse_cycles(places)
    # The key has names only if no frame is own. The alias always has them, because it must be finer than any key.
    named = names_of((link.bases, link.facts.message) for link in chain if link.members is None)
    return [*alias, *(f"names {name}" for name in named)]


def _group_alias(chain: Sequence[Raised], task: str) -> list[str] | None:
    distinct: set[tuple[str, ...]] = set()
    for leaf in _leaves(chain[-1]):
        parts = _chain_parts(leaf, task)[0]
        alias = _alias_parts(leaf, task, parts)
        if alias is None and any(part.startswith("frame ") for part in parts):
            return None
        distinct.add(tuple(parts if alias is None else alias))
    leaves = sorted(distinct)
    if len(leaves) == 1 and len(chain) == 1:
        return list(leaves[0])
    return [*_chain_alias(chain), *(part for leaf in leaves[:_MAX_LEAVES] for part in ("leaf", *leaf))]
