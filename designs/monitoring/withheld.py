"""Redaction of failures in export-controlled or classified designs: only ids and words of the program pass.

A message passes whole if it is a literal of the code that raised it, or a text that one of our exceptions declares as
fixed. Any other message may quote a file or a name, so the fixed text of its class replaces it. Contexts keep ids and
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
"""Replaces a text that may contain design content."""

_POOL = "concurrent.futures.thread"
_PROPAGATION = "designs.context_propagation"
_MAX_FRAMES = 100
_MAX_CALLER_FRAMES = 30
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

# Names of facts that the program records: numbers, and its own words.
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
# Names of facts whose values are names in the program.
_NAMES = frozenset({"view", "task", "operation", "component", "required", "current", "required_role", "current_role"})
_NESTED = frozenset({"details"})
_FACTS = _NUMBERS | _WORDS | _NAMES | {"id", "design", "series", "organization", "user", "trace", "logger", "route"}
_FACT = re.compile(r"(?:is|has|was|are|can)_[a-z_]{1,30}\Z|[a-z_]{1,30}_ids?\Z")
# Prefixes of fingerprint parts made of types, frames, source lines and rules, never of values.
_OWN_PARTS = (
    "type ", "frame ", "line ", "recursion ", "group", "leaf", "all frames", "rule ", "task ", "view ", "codes ",
    "family ", "dependency ", "constraint ", "sqlstate ", "library ", "note: ",
)  # fmt: skip


class OwnWords(str):
    """A text that is known to be free of design content, so later checks pass it unchanged."""

    __slots__ = ()


def is_withheld(error: object = None) -> bool:
    """Return whether the running work, or this exception, concerns a controlled design."""
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
    """Return whether a log record concerns a controlled design, by the work that logged it or by its exceptions."""
    held, exc_info = vars(record), record.exc_info
    # The caller may have passed any value.
    error = exc_info[1] if type(exc_info) is tuple and len(exc_info) > 1 else None
    if context.TAG in held or context.is_controlled() or (error is not None and is_withheld(error)):
        return True
    if not context.has_met():
        return False
    args = record.args
    given = [record.msg, *(args.values() if isinstance(args, Mapping) else args or ()), *held.values()]
    # Checked by type: isinstance would make a lazy object load its value.
    return any(issubclass(type(one), BaseException) and is_withheld(one) for one in given)


def is_id(value: object) -> bool:
    """Return whether a value is an integer, a UUID, or a text with the form of an id."""
    if type(value) is int or type(value) is uuid.UUID:
        return True
    return type(value) is str and bool(_ID.match(value) or _DIGITS.match(value))


def own_words(exc: BaseException) -> str:
    """Return an exception's text if it contains no design content, else the general text of its class."""
    text = raw_text(exc)
    if _is_fixed(exc) or _is_literal(text, _codes_of(exc)) or not text:
        return text
    if issubclass(type(exc), OSError):
        return _os_error_text(exc)
    if type(exc).__module__.partition(".")[0] == "billiard":
        # The exit of a pool process, without data of its work.
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
    """Return a reported message if it is a literal of the code that reports it, else `WITHHELD`."""
    if type(message) is OwnWords:
        return str.__str__(message)
    text = raw_text(message)
    return text if _is_literal(text, _codes_of_callers()) else WITHHELD


def stands_in_code(name: str) -> bool:
    """Return whether the running code contains a text as a literal, or as the name of an argument."""
    constants = (constant for code in _codes_of_callers() for constant in code.co_consts)
    return any(constant == name if type(constant) is str else _contains_name(constant, name) for constant in constants)


def _contains_name(constant: object, name: str) -> bool:
    # Python stores the argument names of a call in one tuple.
    return type(constant) is tuple and name in constant


def line_in_own_words(record: logging.LogRecord) -> OwnWords:
    """Return the message of a log record; of its arguments, only ids, numbers and known words."""
    template = record.msg
    if type(template) is OwnWords:
        return template
    if type(template) is not str or not (template == _REQUEST_LINE or _is_literal(template, _codes_of_callers())):
        return OwnWords(WITHHELD)
    args: Any = record.args
    try:
        if not args:
            return OwnWords(template)
        if isinstance(args, Mapping):
            return OwnWords(template % {name: _argument(value) for name, value in args.items()})
        return OwnWords(template % tuple(map(_argument, args)))
    except Exception:  # noqa: BLE001 - a number format fails for a withheld text
        return OwnWords(WITHHELD)


def logger_in_own_words(name: object) -> str:
    """Return a logger's name if it is the name of a module or looks like one; other names may contain data."""
    return name if type(name) is str and (name in sys.modules or _LOGGER.match(name)) else WITHHELD


def ids_only(value: object, depth: int = 0) -> dict[str, Any]:
    """Return the ids and known facts of a context, and the number of other entries as ``withheld``."""
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
    """Return a URL path without its query; segments that are neither ids nor plain words are replaced.

    Args:
        path: The path.
        known: A path; only its words are kept. None keeps all plain words.
    """
    words = None if known is None else {*known.split("/"), ""}
    return "/".join(
        segment if _SEGMENT.match(segment) and (words is None or segment in words or is_id(segment)) else WITHHELD_NAME
        for segment in path.partition("?")[0].split("/")
    )


def without_words(fingerprint: Fingerprint, exc: BaseException) -> Fingerprint:
    """Return a fingerprint made of types, frames and rules only; usually the given one.

    It has no aliases: they may contain words, and would lead to the group of an uncontrolled failure with these words.
    """
    if (of_its_file := of_file(exc)) is not None and of_its_file.key == fingerprint.key:
        # Its parts are words of closed sets.
        return of_its_file
    parts, site = fingerprint.parts, fingerprint.site
    kept = [part for part in parts if part.startswith(_OWN_PARTS)] if parts[:1] != ("custom",) else []
    if names := foreign_names(exc):
        # A source line of generated code may contain anything, too.
        kept = [part for part in kept if not (part.startswith("line ") or any(name in part for name in names))]
        site = known_type_name(exc) if any(name in site for name in names) else site
    if len(kept) == len(parts) and site == fingerprint.site:
        return replace(fingerprint, aliases=())
    hashed = [part for part in kept if not part.startswith("note: ")]
    return make([*hashed, f"withheld {site}"], site)


def _is_of_a_pool(exc: BaseException) -> bool:
    """Return whether a pool thread raised the exception in work without the context of its submitter."""
    names = set()
    step = traceback_of(exc)
    while step is not None:
        names.add(step.tb_frame.f_globals.get("__name__"))
        step = step.tb_next
    return _POOL in names and _PROPAGATION not in names


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
    """Return whether the program itself uses this name for a fact: a caller may make names from data."""
    return bool(name in _FACTS or _FACT.match(name))


def _argument(value: object) -> object:
    """Return an argument of a log record if it is an id, a number or known from the context; else a placeholder."""
    kind = type(value)
    if value is None or kind in {int, float, bool, uuid.UUID}:
        return value
    if kind is str:
        text = str(value)
        # A part of a design may have a word as its name, too. Words of the program are literals in its code.
        if (
            _ID.match(text)
            or (text.isupper() and is_word(text))
            or (_WORD.match(text) and _is_literal(text, _codes_of_callers()))
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


def _os_error_text(exc: BaseException) -> str:
    number = attribute_of(exc, "errno")
    return f"[Errno {number}] {os.strerror(number)}" if type(number) is int else WITHHELD


def _of_class(exc: BaseException, name: str) -> str | None:
    """Return a text attribute of the class of an exception, never of the instance."""
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
    """Return the code objects of an exception's frames. Generated code may contain anything, so it is skipped."""
    step = traceback_of(exc)
    if step is None:
        # The exception was created for a report and never raised.
        return _codes_of_callers()
    codes: list[CodeType] = []
    while step is not None:
        codes.append(step.tb_frame.f_code)
        step = step.tb_next
    return (code for code in reversed(codes[-_MAX_FRAMES:]) if not code.co_filename.startswith("<"))


def _codes_of_callers() -> Iterator[CodeType]:
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - what `inspect.currentframe` returns
    for _ in range(_MAX_CALLER_FRAMES):
        if frame is None:
            return
        if not frame.f_code.co_filename.startswith("<"):
            yield frame.f_code
        frame = frame.f_back
