"""JSON logs: one line an event, with the context of the request or task it belongs to.

Keys: ``timestamp`` (UTC, ``...Z``), ``level``, ``logger``, ``message``, ``service``, ``environment``, then
``request_id``, ``user_id``, ``method``, ``path``, ``task``, ``task_id``, ``trace_id`` where known, what the call gave
as ``extra``, and ``exception`` where one is attached. Every value is redacted as records are.
"""

from __future__ import annotations

import json
import logging
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from designs import context
from designs.conf import conf
from designs.monitoring.redaction import redact, redact_text, redacted_str, redacted_tail, safe_str

__all__ = ["JSONFormatter"]

_MESSAGE_MAX_CHARS = 8_192
_EXCEPTION_MAX_CHARS = 16_384
_KEY_MAX_CHARS = 200
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
        line: dict[str, Any] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
            "level": record.levelname,
            "logger": record.name,
            "message": redacted_str(self._message(record), _MESSAGE_MAX_CHARS),
            "service": conf.service,
            "environment": conf.environment,
        }
        line.update({key: redact_text(value) for key, value in asdict(context.current()).items() if value})
        for key, value in self._extra(record).items():
            # What the call gives must not pass for what the service says.
            line[f"extra_{key}" if key in line or key == "exception" else key] = redact(value, key=key)
        if exception := self._exception(record):
            line["exception"] = exception
        return json.dumps(line, ensure_ascii=True, default=safe_str)

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

    @staticmethod
    def _extra(record: logging.LogRecord) -> dict[str, Any]:
        extra = {key: value for key, value in vars(record).items() if key not in _NOT_EXTRA}
        return {redacted_str(key, _KEY_MAX_CHARS): value for key, value in extra.items()}
