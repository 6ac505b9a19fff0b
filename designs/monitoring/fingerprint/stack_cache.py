"""Stacks that have been fingerprinted before: a storm shows the same one again and again.

What a stack's exceptions are (types, code objects, and the instructions they stand at) says all the key is made of,
unless a rule reads the exception itself. Of the instructions only one for each exception matters, that of its innermost
own frame: it gives the source line.
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
"""Fingerprints of one stack by what the messages of its chain name."""


class Shape(NamedTuple):
    """A chain of exceptions, outermost first, as they stand.

    Attributes:
        kinds: Their types.
        codes: The code objects of their frames, one list after the other.
        stands: The instruction of each frame.
        begins: Where the frames of each begin.
    """

    kinds: list[type[BaseException]]
    codes: list[CodeType]
    stands: list[int]
    begins: list[int]

    def key(self, *settings: object) -> tuple[object, ...]:
        """Return what tells it from others. Ids: as long as a stack is known it holds what they are of."""
        return (*settings, *map(id, self.kinds), *self.begins, *map(id, self.codes), *self.stands)


class _Link(NamedTuple):
    """One exception: its frames down to the one that gives the source line, that one's instruction, and the others.

    Without such a frame all are in `head`.
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
    """Fingerprints of whole stacks, at most 2,048, then none. Safe for threads: what is kept is not changed."""

    def __init__(self) -> None:
        self._by_key: dict[tuple[object, ...], _Stack] = {}
        # Looking whether a stack is the one seen last takes a third of the time that finding it among all does.
        self._last: dict[int, _Stack] = {}

    def last(self, exc: BaseException, *settings: object) -> Fingerprint | ByNames | None:
        """Return the fingerprint, or those by names, if the stack is that of the last known exception of this type."""
        stack = self._last.get(id(type(exc)))
        if stack is None or stack.settings != settings or not _is_same(exc, stack.links):
            return None
        return stack.fingerprint

    def find(self, shape: Shape, *settings: object) -> Fingerprint | ByNames | None:
        """Return the fingerprint, or those by names, of a stack that was kept under these settings; else None."""
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
        """Keep a fingerprint, or those by names.

        Args:
            shape: The stack.
            settings: Under which the fingerprint holds.
            fingerprint: Made of nothing else.
            gives_line: Tells the code of a frame that can give the source line: the innermost such does.
        """
        if len(self._by_key) >= _MAX_STACKS:
            self._by_key, self._last = {}, {}
        stack = _Stack(settings, _links_of(shape, gives_line), fingerprint)
        self._by_key[shape.key(*settings)] = self._last[id(shape.kinds[0])] = stack


def shape_of(exc: BaseException) -> Shape | None:
    """Return the shape of an exception and what led to it; None if it has too many frames."""
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
        # Without an own frame the innermost of all: aliases tell its lines apart.
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
            # Code objects are told by identity: to compare them takes long.
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
        # The stack ended first.
        return False
    return link is None
