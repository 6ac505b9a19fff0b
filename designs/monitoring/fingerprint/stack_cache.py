"""Cache of fingerprints by stack: in an error storm, the same stack occurs again and again. Hot path.

The exceptions of a stack (types, code objects and current instructions) determine the whole key, unless a rule reads
the exception itself. Of each exception only one instruction matters, that of the innermost own frame: it determines the
source line.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType
from typing import Any, NamedTuple

from designs.monitoring.fingerprint.model import MAX_CHAIN, Fingerprint
from designs.monitoring.untrusted.exceptions import led_to_by, traceback_of

__all__ = ["ByNames", "KnownStacks", "Shape", "shape_of"]

_MAX_STACKS = 2_048
_MAX_FRAMES = 512
_FRAMES = range(_MAX_FRAMES + 1)

ByNames = dict[tuple[str, ...], Fingerprint]
"""Fingerprints of one stack, by the names in the messages of its chain."""


class Shape(NamedTuple):
    """A chain of exceptions, outermost first.

    Attributes:
        kinds: Their types.
        codes: The code objects of all their frames.
        stands: The current instruction of each frame.
        begins: For each exception, the index of its first frame.
    """

    kinds: list[type[BaseException]]
    codes: list[CodeType]
    stands: list[int]
    begins: list[int]

    def key(self, *settings: object) -> tuple[object, ...]:
        """Return the cache key. It consists of ids: the cached stack keeps the objects alive, so ids stay unique."""
        return (*settings, *map(id, self.kinds), *self.begins, *map(id, self.codes), *self.stands)


class _Link(NamedTuple):
    """One exception: its frames down to the one that supplies the source line, the instruction there, and the rest.

    Without such a frame, `head` has all frames.
    """

    kind: type[BaseException]
    head: list[CodeType]
    stand: int
    tail: list[CodeType]


class _Stack(NamedTuple):
    settings: tuple[object, ...]
    links: list[_Link]
    fingerprint: Fingerprint | ByNames


class KnownStacks:
    """Fingerprints of whole stacks. The cache is emptied at 2,048. Thread-safe: entries are never modified."""

    def __init__(self) -> None:
        self._by_key: dict[tuple[object, ...], _Stack] = {}
        # A comparison with the last stack takes a third of the time of a lookup among all.
        self._last: dict[int, _Stack] = {}

    def last(self, exc: BaseException, *settings: object) -> Fingerprint | ByNames | None:
        """Return the fingerprint, or those by names, if the stack is the last one of this exception type; else None."""
        stack = self._last.get(id(type(exc)))
        if stack is None or stack.settings != settings or not _is_same(exc, stack.links):
            return None
        return stack.fingerprint

    def find(self, shape: Shape, *settings: object) -> Fingerprint | ByNames | None:
        """Return the fingerprint, or those by names, of a stack that was cached under these settings; else None."""
        stack = self._by_key.get(shape.key(*settings))
        if stack is None:
            return None
        self._last[id(shape.kinds[0])] = stack
        return stack.fingerprint

    def keep(
        self,
        shape: Shape,
        *settings: object,
        fingerprint: Fingerprint | ByNames,
        gives_line: Callable[[CodeType], bool],
    ) -> None:
        """Cache a fingerprint, or those by names.

        Args:
            shape: The stack.
            settings: The settings for which the fingerprint is valid.
            fingerprint: Must depend on the stack and the settings only.
            gives_line: Whether the code of a frame can supply the source line. The innermost such frame does.
        """
        if len(self._by_key) >= _MAX_STACKS:
            self._by_key, self._last = {}, {}
        stack = _Stack(settings, _links_of(shape, gives_line), fingerprint)
        self._by_key[shape.key(*settings)] = self._last[id(shape.kinds[0])] = stack


def shape_of(exc: BaseException) -> Shape | None:
    """Return the shape of an exception and its chain; None if it has too many frames."""
    shape = Shape([], [], [], [])
    seen = set()
    link: BaseException | None = exc
    add_code, add_stand = shape.codes.append, shape.stands.append
    while link is not None and len(shape.kinds) < MAX_CHAIN and id(link) not in seen:
        seen.add(id(link))
        shape.kinds.append(type(link))
        shape.begins.append(len(shape.codes))
        traceback = traceback_of(link)
        for _ in _FRAMES:
            if traceback is None:
                break
            add_code(traceback.tb_frame.f_code)
            add_stand(traceback.tb_lasti)
            traceback = traceback.tb_next
        if len(shape.codes) > _MAX_FRAMES:
            return None
        link = led_to_by(link)
    return shape


def _links_of(shape: Shape, gives_line: Callable[[CodeType], bool]) -> list[_Link]:
    links = []
    for kind, begin, end in zip(shape.kinds, shape.begins, [*shape.begins[1:], len(shape.codes)], strict=True):
        own = [index for index in range(begin, end) if gives_line(shape.codes[index])]
        # Without an own frame, the instruction of the innermost frame counts: the alias depends on its line.
        split = own[-1] + 1 if own else end
        stand = shape.stands[split - 1] if split > begin else -1
        links.append(_Link(kind, shape.codes[begin:split], stand, shape.codes[split:end]))
    return links


def _is_same(exc: BaseException, links: list[_Link]) -> bool:
    link: BaseException | None = exc
    try:
        for kind, head, stand, tail in links:
            if link is None or type(link) is not kind:
                return False
            following: Any = traceback_of(link)
            at: Any = None
            # Code objects are compared by identity: their comparison by value is slow.
            for code in head:
                at = following
                if at.tb_frame.f_code is not code:
                    return False
                following = at.tb_next
            if at is not None and at.tb_lasti != stand:
                return False
            for code in tail:
                if following.tb_frame.f_code is not code:
                    return False
                following = following.tb_next
            if following is not None:
                return False
            link = led_to_by(link)
    except AttributeError:
        # The stack has fewer frames than the cached one.
        return False
    return link is None
