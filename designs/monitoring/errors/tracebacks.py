"""Formatting of tracebacks: scrubbed and bounded text, in bounded time. Pure.

Python's own formatting visits every exception of a chain and of its groups before it returns the first line, and
formats their messages in full. If there are too many exceptions, or the message is too long, this module formats only
the outermost exceptions and the root, one by one.
"""

from __future__ import annotations

import traceback
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any, NamedTuple

from designs.monitoring.controlled.program_names import format_known_frames, known_type_name
from designs.monitoring.redaction import redacted_str, redacted_tail
from designs.monitoring.untrusted.exceptions import (
    attributes_of,
    cause_of,
    context_of,
    led_to_by,
    members_of,
    traceback_of,
)
from designs.monitoring.untrusted.object_text import needs_io
from designs.monitoring.untrusted.preview import outline_of
from designs.monitoring.untrusted.text import type_name
from designs.monitoring.withheld import is_withheld, own_words

__all__ = ["format_traceback", "is_costly"]

MAX_CHARS = 24_000
_MAX_FRAMES = 60
_MAX_EXCEPTIONS = 40
_MAX_LINKS = 10
_MAX_WALK = 100_000
_MAX_MESSAGE_CHARS = 2_048
_MAX_NOTE_CHARS = 16_384


def format_traceback(exc: BaseException, message: str = "") -> str:
    """Return the traceback as scrubbed text; if it is very long, its start and, mostly, its end.

    Args:
        exc: The exception.
        message: Its scrubbed message, if already known: a long message is not formatted again.
    """
    text = ""
    withheld = is_withheld(exc)
    if not withheld and len(message) <= _MAX_MESSAGE_CHARS and not is_costly(exc):
        # Exceptions may break their own formatting.
        with suppress(Exception):
            text = "".join(traceback.format_exception(exc, limit=-_MAX_FRAMES))
    text = text or "".join(_format_chain(exc, message, _WITHHELD if withheld else _WHOLE))
    if len(text) <= MAX_CHARS:
        return redacted_tail(text, MAX_CHARS)[:MAX_CHARS]
    head = MAX_CHARS // 4
    tail = MAX_CHARS - head
    # The replacement of a secret may be longer than the secret.
    return f"{redacted_str(text, head)} ...\n{redacted_tail(text, tail)[-tail:]}"


def is_costly(exc: BaseException) -> bool:
    """Return whether Python's own formatting would take long, or run the code of an exception that needs I/O."""
    waiting, seen = [exc], set()
    while waiting:
        link = waiting.pop()
        if id(link) in seen:
            continue
        seen.add(id(link))
        if len(seen) > _MAX_EXCEPTIONS or _notes_chars(link) > _MAX_NOTE_CHARS:
            return True
        if outline_of(link) is not None or needs_io(link):
            return True
        waiting += [led for led in (cause_of(link), context_of(link)) if led is not None]
        if issubclass(type(link), BaseExceptionGroup):
            waiting += members_of(link)[: _MAX_EXCEPTIONS + 1]
    return False


def _notes_chars(exc: BaseException) -> int:
    # The dictionary may be of a subclass with its own `get`.
    notes = dict.get(attributes_of(exc), "__notes__")
    if notes is None:
        return 0
    if type(notes) is not list or len(notes) > _MAX_NOTE_CHARS or any(type(note) is not str for note in notes):
        # Python would call the `str` of a note that is not text.
        return _MAX_NOTE_CHARS + 1
    return sum(map(len, notes))


def _format_chain(exc: BaseException, message: str, parts: _Format) -> Iterator[str]:
    """Yield the root first, as Python does, then the number of exceptions left out, then the outermost ones."""
    chain, length, root = _chain(exc)
    if root is not None:
        yield from _format_one(root, "", parts)
        left_out = length - len(chain) - 1
        yield f"\n[{left_out} more exceptions led to the next]\n\n" if left_out else "\nThis led to the next.\n\n"
    for link in reversed(chain):
        yield from _format_one(link, message if link is exc else "", parts)
        if link is not exc:
            yield "\nThis led to the next.\n\n"


def _chain(exc: BaseException) -> tuple[list[BaseException], int, BaseException | None]:
    """Return the outermost exceptions, the length of the chain, and its last exception if not among them."""
    chain: list[BaseException] = []
    seen: set[int] = set()
    link: BaseException | None = exc
    last = exc
    while link is not None and id(link) not in seen and len(seen) < _MAX_WALK:
        seen.add(id(link))
        last = link
        if len(chain) < _MAX_LINKS:
            chain.append(link)
        link = led_to_by(link)
    return chain, len(seen), None if last is chain[-1] else last


def _frames(link: TracebackType) -> list[str]:
    try:
        return traceback.format_tb(link, limit=-_MAX_FRAMES)
    except Exception:  # noqa: BLE001 - a module's globals may contain anything
        innermost: deque[str] = deque(maxlen=_MAX_FRAMES)
        following: TracebackType | None = link
        while following is not None:
            code = following.tb_frame.f_code
            innermost.append(f'  File "{code.co_filename}", line {following.tb_lineno}, in {code.co_qualname}\n')
            following = following.tb_next
        return list(innermost)


class _Format(NamedTuple):
    """Functions that format one exception."""

    text: Callable[[Any], str]
    type: Callable[[object], str]
    frames: Callable[[TracebackType], list[str]]


_WHOLE = _Format(str, type_name, _frames)
_WITHHELD = _Format(own_words, known_type_name, lambda first: format_known_frames(first, _MAX_FRAMES))


def _format_one(exc: BaseException, message: str, parts: _Format) -> Iterator[str]:
    if (frames := traceback_of(exc)) is not None:
        yield "Traceback (most recent call last):\n"
        yield from parts.frames(frames)
    yield f"{parts.type(exc)}: {message or redacted_str(exc, _MAX_MESSAGE_CHARS, parts.text)}\n"
    if issubclass(type(exc), BaseExceptionGroup):
        members = members_of(exc)
        for member in members[:_MAX_LINKS]:
            yield f"  | {parts.type(member)}: {redacted_str(member, _MAX_MESSAGE_CHARS // 8, parts.text)}\n"
        if len(members) > _MAX_LINKS:
            yield f"  | [{len(members) - _MAX_LINKS} more]\n"
