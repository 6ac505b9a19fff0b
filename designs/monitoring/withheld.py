"""What may be said of a failure that concerns an export-controlled or classified design: ids and own words.

A message passes whole if it is a literal of the code that raised it, or a text that one of our exceptions declares as
fixed. Any other may quote a file or a name; what is said instead is the fixed text of its class. Contexts keep ids and
a few facts by name. Pure.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from types import CodeType, FrameType
from typing import Any, cast

from designs import context
from designs.monitoring.controlled.origins import comes_from_controlled, tag
from designs.monitoring.controlled.program_names import WITHHELD_NAME, foreign_names, known_type_name
from designs.monitoring.controlled.stated_words import is_word
from designs.monitoring.fingerprint.file_failures import of_file
from designs.monitoring.fingerprint.model import Fingerprint, make
from designs.monitoring.untrusted.exceptions import attributes_of, is_exception, traceback_of
from designs.monitoring.untrusted.object_text import attribute_of
from designs.monitoring.untrusted.text import raw_text

__all__ = [
    "WITHHELD",
    "OwnWords",
    "ids_only",
    "is_id",
    "is_withheld",
    "is_withheld_line",
    "line_in_own_words",
    "logger_in_own_words",
    "own_words",
    "path_of_ids",
    "said_in_own_words",
    "stands_in_code",
    "tag",
    "without_words",
]

WITHHELD = "[withheld: export-controlled or classified design]"
"""Stands for a text that may hold content."""

_POOL = "concurrent.futures.thread"
_CARRYING = "designs.context_propagation"
_MAX_FRAMES = 100
_MAX_WRITER_FRAMES = 30
_MAX_TEXT_CHARS = 2_048
_MAX_ITEMS = 100
_MAX_DEPTH = 4
_REQUEST_LINE = "%s %s %s"

_UUID = r"[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}"
# An id, or the name of a stored file, which is made of ids.
_ID = re.compile(rf"(?:designs/{_UUID}/)?{_UUID}(?:\.[a-z]{{2,4}})?\Z")
_DIGITS = re.compile(r"\d{1,19}\Z", re.ASCII)
_WORD = re.compile(r"[a-z][a-z_]{0,39}\Z")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,99}\Z")
_LOGGER = re.compile(r"[a-z_][a-z_.]{0,99}\Z")
_SEGMENT = re.compile(rf"(?:[a-z][a-z_-]{{0,39}}|\d{{1,19}}|{_UUID}|)\Z")
_ROUTE = re.compile(r"[A-Za-z0-9_<>:/^$.-]{0,200}\Z")

# Facts of ours: numbers and words of the program under these names.
_NUMBERS = frozenset(
    {
        "attempt", "status", "duration_seconds", "duration_ms", "peak_memory_bytes", "damage_lines", "seconds", "bytes",
        "max_bytes", "free_bytes", "stored_bytes", "uploaded_bytes", "size_bytes", "count", "position", "line", "limit",
        "designs", "max_designs", "failed_checks", "errno", "occurrences", "version",
    }
)  # fmt: skip
_WORDS = frozenset(
    {"stage", "reason", "step", "section", "signal", "limit", "kernel", "method", "mechanism", "failure", "outcome"}
)
# Names that the program gives itself.
_NAMES = frozenset({"view", "task", "operation", "component", "required", "current", "required_role", "current_role"})
_NESTED = frozenset({"details"})
_FACTS = _NUMBERS | _WORDS | _NAMES | {"id", "design", "series", "organization", "user", "trace", "logger", "route"}
_FACT = re.compile(r"(?:is|has|was|are|can)_[a-z_]{1,30}\Z|[a-z_]{1,30}_ids?\Z")
# How the parts of a key begin that say types, frames, source lines and rules, never values.
_OWN_PARTS = (
    "type ", "frame ", "line ", "recursion ", "group", "leaf", "all frames", "rule ", "task ", "view ", "codes ",
    "family ", "dependency ", "constraint ", "sqlstate ", "library ", "note: ",
)  # fmt: skip


class OwnWords(str):
    """A text without content, whoever looks at it next."""

    __slots__ = ()


def is_withheld(error: object = None) -> bool:
    """Return whether what runs now, or this exception, concerns a controlled design."""
    if context.is_controlled() or (context.carrier is not None and context.carrier.is_at_an_end()):
        return True
    if not is_exception(error):
        return False
    if dict.get(attributes_of(error), context.TAG) is True:
        return True
    if not context.has_met():
        return False
    return comes_from_controlled(error) or (context.is_met_outside() and _is_of_a_pool(error))


def is_withheld_line(record: logging.LogRecord) -> bool:
    """Return whether a log line concerns a controlled design: by where it was logged, or by its exceptions."""
    held, exc_info = vars(record), record.exc_info
    # Whatever the call gave.
    error = exc_info[1] if type(exc_info) is tuple and len(exc_info) > 1 else None
    if context.TAG in held or context.is_controlled() or (error is not None and is_withheld(error)):
        return True
    if not context.has_met():
        return False
    args = record.args
    given = [record.msg, *(args.values() if isinstance(args, Mapping) else args or ()), *held.values()]
    # By type: a lazy object would load what it stands for.
    return any(issubclass(type(one), BaseException) and is_withheld(one) for one in given)


def is_id(value: object) -> bool:
    """Return whether a value is a number or a text that is the id of something."""
    if type(value) is int or type(value) is uuid.UUID:
        return True
    return type(value) is str and bool(_ID.match(value) or _DIGITS.match(value))


def own_words(exc: BaseException) -> str:
    """Return an exception's text if it holds no content, else what its class says in general."""
    text = raw_text(exc)
    if _is_fixed(exc) or _is_literal(text, _codes_of(exc)) or not text:
        return text
    if issubclass(type(exc), OSError):
        return _of_the_system(exc)
    if type(exc).__module__.partition(".")[0] == "billiard":
        # How a process of the pool ended; nothing of what it was doing.
        return text
    general = _of_class(exc, "default_detail")
    if general is None:
        return WITHHELD
    if text == general:
        return text
    details = attribute_of(exc, "details")
    reason = dict.get(details, "reason") if issubclass(type(details), dict) else None
    return f"{general} ({reason})" if type(reason) is str and is_word(reason) else general


def said_in_own_words(message: object) -> str:
    """Return a reported message if it is a literal of the code that reports it."""
    if type(message) is OwnWords:
        return str.__str__(message)
    text = raw_text(message)
    return text if _is_literal(text, _codes_of_writers()) else WITHHELD


def stands_in_code(name: str) -> bool:
    """Return whether the code that runs has a text, or a name of an argument, as a literal."""
    constants = (constant for code in _codes_of_writers() for constant in code.co_consts)
    return any(constant == name if type(constant) is str else _has(constant, name) for constant in constants)


def _has(constant: object, name: str) -> bool:
    # Python keeps the names of the arguments of a call together.
    return type(constant) is tuple and name in constant


def line_in_own_words(record: logging.LogRecord) -> OwnWords:
    """Return the message of a log record with ids and numbers only where it has arguments."""
    template = record.msg
    if type(template) is OwnWords:
        return template
    if type(template) is not str or not (template == _REQUEST_LINE or _is_literal(template, _codes_of_writers())):
        return OwnWords(WITHHELD)
    args: Any = record.args
    try:
        if not args:
            return OwnWords(template)
        if isinstance(args, Mapping):
            return OwnWords(template % {name: _argument(value) for name, value in args.items()})
        return OwnWords(template % tuple(map(_argument, args)))
    except Exception:  # noqa: BLE001 - a format that wants a number where a text was withheld
        return OwnWords(WITHHELD)


def logger_in_own_words(name: object) -> str:
    """Return a logger's name if it is that of a module, or looks like one; others may be made of anything."""
    return name if type(name) is str and (name in sys.modules or _LOGGER.match(name)) else WITHHELD


def ids_only(value: object, depth: int = 0) -> dict[str, Any]:
    """Return of a context its ids and the facts known by name, and how many others were left out."""
    if not issubclass(type(value), dict):
        return {"withheld": 1}
    given = cast("dict[Any, Any]", value)
    kept: dict[str, Any] = {}
    withheld = max(dict.__len__(given) - _MAX_ITEMS, 0)
    for name, item in islice(dict.items(given), _MAX_ITEMS):
        if type(name) is str and name in _NESTED and issubclass(type(item), dict) and depth < _MAX_DEPTH:
            kept[name] = ids_only(item, depth + 1)
        elif type(name) is str and _NAME.match(name) and _is_harmless(name, item):
            kept[name] = str(item) if type(item) is uuid.UUID else item
        else:
            withheld += 1
    return {**kept, "withheld": withheld} if withheld else kept


def path_of_ids(path: str, known: str | None = None) -> str:
    """Return a URL path without what is neither an id nor a plain word, and without its query.

    Args:
        path: The path.
        known: A path that has the only words that may be kept; without it all plain words are.
    """
    words = None if known is None else {*known.split("/"), ""}
    return "/".join(
        segment if _SEGMENT.match(segment) and (words is None or segment in words or is_id(segment)) else WITHHELD_NAME
        for segment in path.partition("?")[0].split("/")
    )


def without_words(fingerprint: Fingerprint, exc: BaseException) -> Fingerprint:
    """Return a fingerprint that is made of types, frames and rules only; mostly the one that was given.

    Without aliases: they may hold words, and would lead to the group of an open failure with the same words.
    """
    if (of_its_file := of_file(exc)) is not None and of_its_file.key == fingerprint.key:
        # Made of words of closed sets.
        return of_its_file
    parts, site = fingerprint.parts, fingerprint.site
    kept = [part for part in parts if part.startswith(_OWN_PARTS)] if parts[:1] != ("custom",) else []
    if names := foreign_names(exc):
        # A source line of code that was made at run time may hold anything, too.
        kept = [part for part in kept if not (part.startswith("line ") or any(name in part for name in names))]
        site = known_type_name(exc) if any(name in site for name in names) else site
    if len(kept) == len(parts) and site == fingerprint.site:
        return replace(fingerprint, aliases=())
    hashed = [part for part in kept if not part.startswith("note: ")]
    return make([*hashed, f"withheld {site}"], site)


def _is_of_a_pool(exc: BaseException) -> bool:
    """Return whether a thread of a pool raised an exception in work that does not know what submitted it."""
    names = set()
    step = traceback_of(exc)
    while step is not None:
        names.add(step.tb_frame.f_globals.get("__name__"))
        step = step.tb_next
    return _POOL in names and _CARRYING not in names


def _is_harmless(name: str, value: object) -> bool:
    kind = type(value)
    if value is None or kind is bool or kind is uuid.UUID:
        return _is_known_fact(name)
    if kind is int or kind is float:
        return name in _NUMBERS or name == "id" or name.endswith("_id")
    if kind is not str:
        return False
    text = str(value)
    if _ID.match(text) or not text:
        return _is_known_fact(name)
    if name == "logger":
        return logger_in_own_words(text) == text
    if name in _WORDS:
        return is_word(text)
    return bool((name in _NAMES and _NAME.match(text)) or (name == "route" and _ROUTE.match(text)))


def _is_known_fact(name: str) -> bool:
    """Return whether the program gives a fact this name: a caller may make names of data."""
    return bool(name in _FACTS or _FACT.match(name))


def _argument(value: object) -> object:
    """Return an argument of a log line if it is an id, a number or known from the context; else what stands for it."""
    kind = type(value)
    if value is None or kind in {int, float, bool, uuid.UUID}:
        return value
    if kind is str:
        text = str(value)
        # A part may be named by a word, too: one of the program stands in its code.
        if (
            _ID.match(text)
            or (text.isupper() and is_word(text))
            or (_WORD.match(text) and _is_literal(text, _codes_of_writers()))
        ):
            return text
        run = context.current()
        if text in {run.task, run.task_id, run.request_id, run.trace_id}:
            return text
        if text.startswith("/"):
            return path_of_ids(text)
    return WITHHELD


def _is_fixed(exc: BaseException) -> bool:
    return dict.get(attributes_of(exc), "is_fixed") is True


def _of_the_system(exc: BaseException) -> str:
    number = attribute_of(exc, "errno")
    return f"[Errno {number}] {os.strerror(number)}" if type(number) is int else WITHHELD


def _of_class(exc: BaseException, name: str) -> str | None:
    """Return a text that the class of an exception states, never one of the exception itself."""
    for base in type.__getattribute__(type(exc), "__mro__"):
        value = type.__getattribute__(base, "__dict__").get(name)
        if value is not None:
            return value if type(value) is str else None
    return None


def _is_literal(text: str, codes: Iterator[CodeType]) -> bool:
    if len(text) > _MAX_TEXT_CHARS:
        return False
    return any(type(constant) is str and constant == text for code in codes for constant in code.co_consts)


def _codes_of(exc: BaseException) -> Iterator[CodeType]:
    """Give the code of an exception's frames, as far as it stands in files: generated code may hold anything."""
    step = traceback_of(exc)
    if step is None:
        # Made to be reported, and never raised.
        return _codes_of_writers()
    codes: list[CodeType] = []
    while step is not None:
        codes.append(step.tb_frame.f_code)
        step = step.tb_next
    return (code for code in reversed(codes[-_MAX_FRAMES:]) if not code.co_filename.startswith("<"))


def _codes_of_writers() -> Iterator[CodeType]:
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - what `inspect.currentframe` returns
    for _ in range(_MAX_WRITER_FRAMES):
        if frame is None:
            return
        if not frame.f_code.co_filename.startswith("<"):
            yield frame.f_code
        frame = frame.f_back
