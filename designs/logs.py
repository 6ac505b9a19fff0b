"""JSON logs: one line an event, with the context of the request or task it belongs to.

Keys: ``timestamp`` (UTC, ``...Z``), ``level``, ``logger``, ``message``, ``service``, ``environment``, then
``request_id``, ``user_id``, ``method``, ``path``, ``task``, ``task_id``, ``trace_id`` where known, what the call gave
as ``extra``, and ``exception`` where one is attached. Every value is redacted as records are.
"""

from __future__ import annotations

import json
import logging
import math
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from designs import context
from designs.conf import conf
from designs.monitoring.redaction import (
    is_plain,
    is_secret_name,
    redact,
    redact_text,
    redacted_str,
    redacted_tail,
    safe_str,
)

__all__ = ["JSONFormatter"]

_MESSAGE_MAX_CHARS = 8_192
_EXCEPTION_MAX_CHARS = 16_384
_KEY_MAX_CHARS = 200
# No text within is then longer than redaction would leave it.
_PLAIN_MAX_CHARS = 4_096
_LARGEST_PLAIN = 10**12
_NUMBERS = frozenset({int, float})
_CONSTANTS = frozenset({bool, type(None)})
_MAX_PLAIN_KEYS = 1_024
_encode = json.JSONEncoder(ensure_ascii=True, default=safe_str).encode
# Django attaches the request object; its facts are in the context already.
_NOT_EXTRA = frozenset(vars(logging.makeLogRecord({}))) | {
    "message",
    "asctime",
    "taskName",
    "request",
    "sinfo",
}


class JSONFormatter(logging.Formatter):
    """Formats a record as one line of JSON; never raises, whatever the record holds."""

    def format(self, record: logging.LogRecord) -> str:
        message, facts = self._message(record), context.known()
        extra = {key: value for key, value in vars(record).items() if key not in _NOT_EXTRA}
        if type(message) is not str or not _is_plain(message, facts, extra):
            message = redacted_str(message, _MESSAGE_MAX_CHARS)
            facts = {name: redact_text(value) for name, value in facts.items()}
            extra = _redacted({redacted_str(key, _KEY_MAX_CHARS): value for key, value in extra.items()})
        line: dict[str, Any] = {
            "timestamp": _timestamp(record.created),
            "level": record.levelname,
            "logger": record.name,
            "message": message,
            "service": conf.service,
            "environment": conf.environment,
            **facts,
        }
        for key, value in extra.items():
            # What the call gives must not pass for what the service says.
            line[f"extra_{key}" if key in line or key == "exception" else key] = value
        if exception := self._exception(record):
            line["exception"] = exception
        return _encode(line)

    @staticmethod
    def _message(record: logging.LogRecord) -> str:
        try:
            return record.getMessage()
        except Exception as error:  # noqa: BLE001 - a wrong log call must not lose its line
            return f"{safe_str(record.msg)} [unformattable: {type(error).__name__}]"

    def _exception(self, record: logging.LogRecord) -> str:
        try:
            if not record.exc_info or record.exc_info[0] is None:
                return ""
            text = self.formatException(record.exc_info)
        except Exception as error:  # noqa: BLE001 - hostile exceptions format themselves by raising
            return f"unformattable traceback: {type(error).__name__}"
        return redacted_tail(text, _EXCEPTION_MAX_CHARS)


def _redacted(extra: dict[str, Any]) -> dict[str, Any]:
    return {key: redact(value, key=key) for key, value in extra.items()}


# The same names come again and again.
_plain_keys: set[str] = set()


def _is_plain_key(key: Any) -> bool:
    if type(key) is not str or len(key) > _KEY_MAX_CHARS or is_secret_name(key) or not is_plain(key):
        return False
    if len(_plain_keys) < _MAX_PLAIN_KEYS:
        _plain_keys.add(key)
    return True


def _timestamp(created: float) -> str:
    # As datetime does it: to the nearest microsecond first.
    fraction, seconds = math.modf(created)
    more, microseconds = divmod(round(fraction * 1e6), 1_000_000)
    return f"{_moment(int(seconds) + more)}.{microseconds // 1000:03d}Z"


@lru_cache(maxsize=4)
def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:-6]


def _is_plain(message: str, facts: dict[str, str], extra: dict[Any, Any]) -> bool:
    """Tell whether nothing of a line needs redaction: most lines are so, and to look once is a tenth of the cost."""
    # Part of a plain text is plain, and ids of our own are.
    texts = [message]
    for name, text in facts.items():
        if text not in message and not (name == "request_id" and context.is_own_id(text)):
            texts.append(text)
    for key, value in extra.items():
        if key not in _plain_keys and not _is_plain_key(key):
            return False
        kind = type(value)
        if kind is str:
            if value not in message:
                texts.append(value)
        # Not numbers that might be a card's, and those JSON has no word for.
        elif kind not in _CONSTANTS and not (kind in _NUMBERS and -_LARGEST_PLAIN < value < _LARGEST_PLAIN):
            return False
    joined = "|".join(texts)
    return len(joined) <= _PLAIN_MAX_CHARS and is_plain(joined)
