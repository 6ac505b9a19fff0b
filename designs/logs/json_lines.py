"""JSON logs: one line per event, with the context of its request or task.

Keys: ``timestamp`` (UTC, ``...Z``), ``level``, ``logger``, ``message``, ``service``, ``environment``, then
``request_id``, ``user_id``, ``method``, ``path``, ``task``, ``task_id``, ``trace_id`` where known, the fields of
``extra``, ``exception`` where one is attached, and ``stack`` for a call with ``stack_info``. Every value is redacted
like records. The line of a recorded failure has the keys of its record, see `designs.monitoring.errors.log_line`.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Mapping
from functools import lru_cache
from json.encoder import encode_basestring_ascii as _quote
from typing import Any, TextIO

from designs import context
from designs.conf import conf
from designs.monitoring.controlled.program_names import known_stack
from designs.monitoring.errors.log_line import SCRUBBED
from designs.monitoring.errors.tracebacks import format_traceback, is_costly
from designs.monitoring.redaction import (
    is_plain,
    is_secret_name,
    redact,
    redact_text,
    redacted_str,
    redacted_tail,
    safe_str,
)
from designs.monitoring.timestamps import iso_milliseconds
from designs.monitoring.withheld import (
    ids_only,
    is_withheld,
    is_withheld_line,
    line_in_own_words,
    logger_in_own_words,
    path_of_ids,
)

__all__ = ["JSONFormatter", "console_handler", "exception_text"]

_MESSAGE_MAX_CHARS = 8_192
_EXCEPTION_MAX_CHARS = 16_384
_STACK_MAX_CHARS = 65_536
_KEY_MAX_CHARS = 200
# Redaction would not shorten any text within this limit.
_PLAIN_MAX_CHARS = 4_096
_LARGEST_PLAIN = 10**12
_NUMBERS = frozenset({int, float})
_CONSTANTS = {None: "null", True: "true", False: "false"}
_OWN_KEYS = frozenset(
    {"timestamp", "level", "logger", "message", "service", "environment", "exception", "stack", "scrubbed"}
)
_ATTACHED = frozenset({"exception", "stack"})
_MAX_STARTS = 1_024
# The name of any other level comes from `logging.addLevelName` and may be any text.
_LEVELS = frozenset({logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL})
_encode = json.JSONEncoder(ensure_ascii=True, default=safe_str).encode
# Django attaches the request object; its facts are in the context already.
_NOT_EXTRA = frozenset(vars(logging.makeLogRecord({}))) | {
    "message",
    "asctime",
    "taskName",
    "request",
    "sinfo",
    "scrubbed",
    context.TAG,
}


class JSONFormatter(logging.Formatter):
    """Formats a record as one line of JSON; never raises, whatever the record holds."""

    def format(self, record: logging.LogRecord) -> str:
        facts: Mapping[str, str | int] = context.known()
        if is_withheld_line(record):
            record, facts = _in_own_words(record), _with_path_of_ids(facts)
        message = self._message(record)
        if not (record.exc_info or record.stack_info) and (plain := _plain_line(record, message, facts)):
            return plain
        line: dict[str, Any] = {
            "timestamp": iso_milliseconds(record.created),
            "level": record.levelname,
            "logger": record.name,
            "message": redacted_str(message, _MESSAGE_MAX_CHARS),
            "service": conf.service,
            "environment": conf.environment,
            **{name: redact_text(value) if isinstance(value, str) else value for name, value in facts.items()},
        }
        extra = {key: value for key, value in vars(record).items() if key not in _NOT_EXTRA}
        if getattr(record, "scrubbed", None) is SCRUBBED:
            # A recorded failure: the user and request of its record take precedence over the current context.
            return _encode({**line, **extra})
        for key, value in {redacted_str(key, _KEY_MAX_CHARS): value for key, value in extra.items()}.items():
            name = key
            # A field of ``extra`` must neither pass for one of the service nor replace another field.
            while name in line or name in _ATTACHED:
                name = f"extra_{name}"
            line[name] = redact(value, key=key)
        if exception := self._exception(record):
            line["exception"] = exception
        if record.stack_info:
            line["stack"] = redacted_tail(safe_str(record.stack_info, _STACK_MAX_CHARS), _EXCEPTION_MAX_CHARS)
        return _encode(line)

    @staticmethod
    def _message(record: logging.LogRecord) -> str:
        try:
            return record.getMessage()
        except Exception as error:  # noqa: BLE001 - a wrong log call must not lose its line
            return f"{safe_str(record.msg)} [unformattable: {type(error).__name__}]"

    def _exception(self, record: logging.LogRecord) -> str:
        return exception_text(record.exc_info) if record.exc_info else ""


def console_handler() -> logging.StreamHandler[TextIO]:
    """Return a handler that writes past `designs.logs.standard_error`: its lines are scrubbed already."""
    return logging.StreamHandler(getattr(sys.stderr, "unwrapped", sys.stderr))


def exception_text(exc_info: Any) -> str:
    """Return the traceback of a ``sys.exc_info`` result: scrubbed, only its end if it is long; never raises."""
    try:
        if exc_info[0] is None:
            return ""
        exc = exc_info[1]
        # The texts of some exceptions would run a query; the texts of others are withheld.
        costly = exc is not None and (is_withheld(exc) or is_costly(exc))
        text = format_traceback(exc) if costly else "".join(traceback.format_exception(*exc_info)).rstrip("\n")
    except Exception as error:  # noqa: BLE001 - formatting a hostile exception may raise
        return f"unformattable traceback: {type(error).__name__}"
    return redacted_tail(text, _EXCEPTION_MAX_CHARS)


def _in_own_words(record: logging.LogRecord) -> logging.LogRecord:
    """Return a copy, without its content, of a record from a request or task that concerns a controlled design."""
    if getattr(record, "scrubbed", None) is SCRUBBED:
        # The line of a recorded failure: its content was withheld when it was recorded.
        return record
    copy = logging.makeLogRecord(
        {name: value for name, value in vars(record).items() if name in _NOT_EXTRA and name != "args"}
    )
    copy.msg, copy.name = line_in_own_words(record), logger_in_own_words(record.name)
    if copy.stack_info:
        copy.stack_info = known_stack(safe_str(copy.stack_info, _STACK_MAX_CHARS))
    if copy.levelno not in _LEVELS:
        copy.levelname = f"Level {copy.levelno:d}"
    vars(copy).update(ids_only({name: value for name, value in vars(record).items() if name not in _NOT_EXTRA}))
    return copy


def _with_path_of_ids(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: path_of_ids(value) if name == "path" else value for name, value in facts.items()}


def _plain_line(record: logging.LogRecord, message: str, facts: Mapping[str, str | int]) -> str:
    """Return the line if no part of it needs redaction, else an empty string.

    Most lines qualify. One check and direct string building take a tenth of the time, and fewer calls leave the CPU
    caches to the request.
    """
    if "scrubbed" in vars(record) or not (type(message) is type(record.name) is type(record.levelname) is str):
        return ""
    # A part of a plain text is plain, and so are request ids of this process.
    texts, parts = [message], []
    for name, value in facts.items():
        if type(value) is not str:
            # The key of a user, a number.
            parts.append(f', "{name}": {value:d}')
            continue
        text = value
        if text not in message and not (name == "request_id" and context.is_own_id(text)):
            texts.append(text)
        parts.append(f', "{name}": {_quote(text)}')
    if not _add_extra(vars(record), facts, texts, parts):
        return ""
    joined = "|".join(texts)
    if len(joined) > _PLAIN_MAX_CHARS or not _is_plain(joined, conf.redact_email, conf.redact_ip):
        return ""
    head = f'"timestamp": "{iso_milliseconds(record.created)}", {_origin(record.levelname, record.name)}'
    return f'{{{head}, "message": {_quote(message)}, {_service(conf.service, conf.environment)}{"".join(parts)}}}'


def _add_extra(given: dict[Any, Any], facts: Mapping[str, str | int], texts: list[str], parts: list[str]) -> bool:
    """Append the fields of ``extra`` to the parts of the line and to the texts to check; return False if not plain."""
    message = texts[0]
    for key, value in given.items():
        if key in _NOT_EXTRA:
            continue
        start, kind = _starts.get(key) or _start(key), type(value)
        if not start or key in facts:
            return False
        if kind is str:
            if value not in message:
                texts.append(value)
            parts.append(start + _quote(value))
        # Excludes numbers that may be payment card numbers, and NaN and infinity, which JSON does not have.
        elif kind in _NUMBERS and -_LARGEST_PLAIN < value < _LARGEST_PLAIN:
            parts.append(start + repr(value))
        elif value is None or kind is bool:
            parts.append(start + _CONSTANTS[value])
        else:
            return False
    return True


@lru_cache(maxsize=1024)
def _is_plain(text: str, *settings: bool) -> bool:
    # Requests repeat, so results are cached. The settings are only part of the cache key.
    return is_plain(text)


@lru_cache(maxsize=256)
def _origin(level: str, name: str) -> str:
    return f'"level": {_quote(level)}, "logger": {_quote(name)}'


@lru_cache(maxsize=4)
def _service(service: str, environment: str) -> str:
    return f'"service": {_quote(service)}, "environment": {_quote(environment)}'


# Cache of the text that begins the part of each name in ``extra``.
_starts: dict[str, str] = {}


def _start(key: Any) -> str:
    if type(key) is not str or len(key) > _KEY_MAX_CHARS or key in _OWN_KEYS:
        return ""
    if is_secret_name(key) or not is_plain(key):
        return ""
    start = f", {_quote(key)}: "
    if len(_starts) < _MAX_STARTS:
        _starts[key] = start
    return start
