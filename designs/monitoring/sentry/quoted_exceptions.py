"""Which exception a log line is about, where it carries none.

A line is about an exception that is being handled if it quotes it, if it is written in the ``except`` block itself, or
by a function that was given the exception. It is also about one that its function has kept in a variable, if it quotes
that one. Other lines are failures of their own: what a fallback logs, for instance, while the first failure is still
being handled.
"""

from __future__ import annotations

import inspect
import logging
import re
import sys
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from types import FrameType, TracebackType
from typing import NamedTuple, cast

from celery.exceptions import ChordError
from celery.result import AsyncResult, GroupResult

from designs.monitoring.fingerprint.own_code import FOREIGN, ownership
from designs.monitoring.secret_text.redact import redact_text
from designs.monitoring.untrusted.exceptions import args_of, cause_of, context_of, retold_by, traceback_of
from designs.monitoring.untrusted.text import raw_text, type_name

__all__ = ["Subject", "comes_from_a_result", "subject_of"]

_WRITERS = re.compile(r"(?:logging|sentry_sdk|integrations\.sentry|designs\.monitoring)(?:\.|\Z)")
_TRACEBACK = "Traceback (most recent call last):"
_MAX_LINE_CHARS = 32_768
_MAX_TEXT_CHARS = 4_096
_MAX_EXCEPTIONS = 10
_MAX_FRAMES = 60
_MAX_WRITER_FRAMES = 40
_MAX_ITEMS = 50
# A shorter text, such as that of KeyError("id"), is part of too many lines.
_MIN_TEXT_CHARS = 8
# Long enough to recognize a text that the line cuts off or continues with something redacted.
_PREFIX_CHARS = 20


class Subject(NamedTuple):
    """The exception a line is about, and whether the line says no more than the exception does."""

    exc: Exception
    is_quoted: bool


def subject_of(text: str) -> Subject | None:
    """Return what the line that is being written is about; None for a failure of its own."""
    handled = list(_handled())
    line = _Line(text)
    for exc, members in [*handled, *_kept()]:
        if any(line.quotes(one) for one in members):
            return Subject(exc, is_quoted=True)
    if not handled:
        return None
    exc = handled[0][0]
    if _TRACEBACK in text:
        return Subject(exc, is_quoted=True)
    return Subject(exc, is_quoted=False) if _is_written_for(exc, text) else None


def comes_from_a_result(log: logging.LogRecord, exc: BaseException) -> bool:
    """Return whether Celery logs a failure it has read from a task's result: recorded already, where that task ran.

    A chord whose header task failed is logged under the name of the task that happened to end last.
    """
    if not log.name.startswith("celery."):
        return False
    cause = cause_of(exc)
    if isinstance(exc, ChordError) and cause is not None and traceback_of(cause) is None:
        # It was never raised in this process.
        return True
    return _is_thrown_by_result(exc) or (cause is not None and _is_thrown_by_result(cause))


def _is_thrown_by_result(exc: BaseException) -> bool:
    codes = [frame.f_code for frame in _frames_of(traceback_of(exc))]
    return bool(codes) and (AsyncResult.throw.__code__ in codes or codes[-1] is GroupResult.join_native.__code__)


def _frames_of(step: TracebackType | None) -> Iterator[FrameType]:
    while step is not None:
        yield step.tb_frame
        step = step.tb_next


def _handled() -> Iterator[tuple[Exception, list[BaseException]]]:
    """Yield each exception that is being handled, innermost first, each followed by the ones it replaces."""
    exc = sys.exc_info()[1]
    seen: set[int] = set()
    while exc is not None and id(exc) not in seen and len(seen) < _MAX_EXCEPTIONS:
        members = _with_retold(exc)
        seen.update(map(id, members))
        if isinstance(exc, Exception):
            yield exc, members
        exc = context_of(members[-1])


def _kept() -> Iterator[tuple[Exception, list[BaseException]]]:
    """Yield the exceptions that the function which writes the line has kept, as loops keep that of the last attempt."""
    writer = next(_writer_frames(), None)
    if writer is not None and _is_own(writer):
        for value in _locals_of(writer):
            # By type: a lazy object would load what it stands for.
            if issubclass(type(value), Exception):
                exc = cast("Exception", value)
                if traceback_of(exc) is not None:
                    yield exc, _with_retold(exc)


def _with_retold(exc: BaseException) -> list[BaseException]:
    members = [exc]
    while len(members) < _MAX_EXCEPTIONS:
        other = retold_by(members[-1])
        if other is None or any(other is one for one in members):
            break
        members.append(other)
    return members


def _writer_frames() -> Iterator[FrameType]:
    """Yield the frames of the code that wrote the line, innermost first."""
    frame = inspect.currentframe()
    steps = 0
    while frame is not None and steps < _MAX_WRITER_FRAMES and _WRITERS.match(str(frame.f_globals.get("__name__"))):
        frame = frame.f_back
        steps += 1
    for _ in range(_MAX_FRAMES):
        if frame is None:
            return
        yield frame
        frame = frame.f_back


def _is_written_for(exc: BaseException, text: str) -> bool:
    """Return whether the block that handles it writes the line, or a function that was given it."""
    handling = next(_frames_of(traceback_of(exc)), None)
    for frame in _writer_frames():
        if frame is handling:
            return True
        values = list(_locals_of(frame))
        if any(value is exc for value in values):
            return True
        if _is_own(frame) and not (_is_inline(frame) or _passes_on(values, text)):
            return False
    return False


def _is_own(frame: FrameType) -> bool:
    return ownership(str(frame.f_globals.get("__name__")), frame.f_code.co_filename) > FOREIGN


def _is_inline(frame: FrameType) -> bool:
    """Return whether it is a comprehension or lambda of the function that runs it."""
    caller = frame.f_back
    return caller is not None and frame.f_code.co_name.startswith("<") and frame.f_code in caller.f_code.co_consts


def _passes_on(values: list[object], text: str) -> bool:
    """Return whether a function was given what the line says: it writes for its caller."""
    return any(type(value) is str and 3 * len(value) >= 2 * len(text) and value in text for value in values)


def _locals_of(frame: FrameType) -> Iterator[object]:
    """Yield the values of a function's local variables, and those in ``*args`` and ``**kwargs``."""
    if frame.f_locals is frame.f_globals:
        return
    for value in islice(list(frame.f_locals.values()), _MAX_ITEMS):
        yield value
        if type(value) is tuple:
            yield from value[:_MAX_ITEMS]
        elif type(value) is dict:
            yield from islice(list(value.values()), _MAX_ITEMS)


class _Line:
    """The text of a line, compared with exceptions regardless of white space and of what redaction removes."""

    def __init__(self, text: str) -> None:
        self._text = _plain(text[:_MAX_LINE_CHARS])
        self._redacted: str | None = None

    def quotes(self, exc: BaseException) -> bool:
        name = type_name(exc).rpartition(".")[2]
        if _is_distinctive(name) and _has_word(self._text, name):
            return True
        return any(self._has(text) for text in _texts_of(exc))

    def _has(self, text: str) -> bool:
        if len(text) < _MIN_TEXT_CHARS:
            return False
        if _has_word(self._text, text) or (len(text) > _PREFIX_CHARS and text[:_PREFIX_CHARS] in self._text):
            return True
        redacted = redact_text(text)
        if redacted == text:
            return False
        if self._redacted is None:
            self._redacted = redact_text(self._text)
        return redacted in self._redacted


def _texts_of(exc: BaseException) -> Iterator[str]:
    """Yield what the exception says: all of it, and the texts it was made with."""
    whole = _plain(raw_text(exc)[:_MAX_TEXT_CHARS])
    yield whole.strip("'\"")
    for arg in args_of(exc)[:_MAX_EXCEPTIONS]:
        if type(arg) is str and (text := _plain(arg[:_MAX_TEXT_CHARS])) != whole:
            yield text


def _plain(text: str) -> str:
    return " ".join(text.split())


@lru_cache(maxsize=256)
def _is_distinctive(name: str) -> bool:
    """Return whether a type's name is no word of plain text, as ``Error`` and ``Timeout`` are."""
    return len(name) >= _MIN_TEXT_CHARS - 1 and sum(sign.isupper() for sign in name) > 1


def _has_word(text: str, word: str) -> bool:
    start = text.find(word)
    while start >= 0:
        end = start + len(word)
        before, after = text[start - 1 : start], text[end : end + 1]
        if not ((before + word[:1]).isalnum() and before) and not ((word[-1:] + after).isalnum() and after):
            return True
        start = text.find(word, start + 1)
    return False
