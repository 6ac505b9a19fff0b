"""Attribution of log lines without ``exc_info`` to exceptions.

A line belongs to an exception that is being handled if it quotes the exception, if the ``except`` block itself writes
it, or if a function that received the exception writes it. It also belongs to an exception that its function holds in a
variable, if it quotes that exception. Any other line is a separate failure: for example, a line that a fallback logs
while the first failure is still being handled.
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
# Shorter texts, such as that of KeyError("id"), occur in too many lines.
_MIN_TEXT_CHARS = 8
# Long enough to recognize a text that the line cuts off or continues with something redacted.
_PREFIX_CHARS = 20


class Subject(NamedTuple):
    """The exception that a line belongs to, and whether the line only quotes it."""

    exc: Exception
    is_quoted: bool


def subject_of(text: str) -> Subject | None:
    """Return the exception that the log line being written belongs to; None if the line is a separate failure."""
    handled = list(_handled())
    line = _Line(text)
    for exc, members in [*handled, *_held_by_writer()]:
        if any(line.quotes(one) for one in members):
            return Subject(exc, is_quoted=True)
    if not handled:
        return None
    exc = handled[0][0]
    if _TRACEBACK in text:
        return Subject(exc, is_quoted=True)
    return Subject(exc, is_quoted=False) if _is_written_for(exc, text) else None


def comes_from_a_result(log: logging.LogRecord, exc: BaseException) -> bool:
    """Return whether Celery logs a failure read from a task's result: the process that ran the task has recorded it.

    Celery logs a chord with a failed header task under the name of the task that happened to end last.
    """
    if not log.name.startswith("celery."):
        return False
    cause = cause_of(exc)
    if isinstance(exc, ChordError) and cause is not None and traceback_of(cause) is None:
        # The cause was never raised in this process.
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
    """Yield each exception that is being handled, innermost first, with the list of it and those it replaces."""
    exc = sys.exc_info()[1]
    seen: set[int] = set()
    while exc is not None and id(exc) not in seen and len(seen) < _MAX_EXCEPTIONS:
        members = _with_replaced(exc)
        seen.update(map(id, members))
        if isinstance(exc, Exception):
            yield exc, members
        exc = context_of(members[-1])


def _held_by_writer() -> Iterator[tuple[Exception, list[BaseException]]]:
    """Yield the exceptions in variables of the writing function, such as the last failure in a retry loop."""
    writer = next(_writer_frames(), None)
    if writer is not None and _is_own(writer):
        for value in _locals_of(writer):
            # Check the type: isinstance would make a lazy object load its value.
            if issubclass(type(value), Exception):
                exc = cast("Exception", value)
                if traceback_of(exc) is not None:
                    yield exc, _with_replaced(exc)


def _with_replaced(exc: BaseException) -> list[BaseException]:
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
    """Return whether the block that handles the exception writes the line, or a function that received it."""
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
    """Return whether the frame is a comprehension or lambda of its caller."""
    caller = frame.f_back
    return caller is not None and frame.f_code.co_name.startswith("<") and frame.f_code in caller.f_code.co_consts


def _passes_on(values: list[object], text: str) -> bool:
    """Return whether a function received most of the line's text as a value: it then writes for its caller."""
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
    """Text of a log line, compared with exceptions regardless of white space and redaction."""

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
    """Yield the whole text of an exception, and each text among its arguments."""
    whole = _plain(raw_text(exc)[:_MAX_TEXT_CHARS])
    yield whole.strip("'\"")
    for arg in args_of(exc)[:_MAX_EXCEPTIONS]:
        if type(arg) is str and (text := _plain(arg[:_MAX_TEXT_CHARS])) != whole:
            yield text


def _plain(text: str) -> str:
    return " ".join(text.split())


@lru_cache(maxsize=256)
def _is_distinctive(name: str) -> bool:
    """Return whether a type's name cannot be a word of plain text; ``Error`` and ``Timeout`` can."""
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
