"""ErrorEvent: the full description of one occurrence, immutable, scrubbed and of bounded size. Pure."""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from designs.conf import conf
from designs.context import RunContext, UserId, set_controlled
from designs.monitoring.controlled.origins import comes_from_controlled, tag
from designs.monitoring.controlled.program_names import WITHHELD_NAME, known_type_names
from designs.monitoring.errors.severity import severity_of
from designs.monitoring.redaction import redact, redacted_str
from designs.monitoring.timestamps import iso_now
from designs.monitoring.untrusted.exceptions import is_exception
from designs.monitoring.untrusted.object_text import attribute_of
from designs.monitoring.untrusted.text import raw_text, safe_str, type_names
from designs.monitoring.withheld import ids_only, is_id, is_withheld, own_words, path_of_ids, said_in_own_words

__all__ = ["ErrorEvent", "build_event", "operation_of"]

_SOURCES = ("explicit", "http", "celery", "command", "log", "sdk")
_NOT_OF_SOURCES = re.compile(r"[^a-z0-9_.-]+")
_MAX_SOURCE_CHARS = 32
_MAX_OPERATION_CHARS = 300

MAX_MESSAGE_CHARS = 2_048
MAX_FIELD_CHARS = 512
_LARGEST_ID = 2**63

# Encoded values are scrubbed copies of bounded depth, so they contain no reference cycle.
_encode = json.JSONEncoder(check_circular=False).encode


@dataclass(frozen=True)
class ErrorEvent:
    """One occurrence, without a traceback: all occurrences of a group share one.

    A message has the type ``message`` and no module.
    """

    event_id: str
    timestamp: str
    error_module: str
    error_type: str
    error_message: str
    severity: str
    user_id: UserId | None
    request_path: str | None
    context: dict[str, Any]
    request_id: str
    task: str
    release: str
    source: str

    @property
    def qualified_type(self) -> str:
        """Module and name of the type; ``builtins`` is omitted."""
        return self.error_type if self.error_module in {"", "builtins"} else f"{self.error_module}.{self.error_type}"

    def as_dict(self) -> dict[str, Any]:
        """Return the fields; the context is the event's own, not a copy."""
        return dict(vars(self))

    def as_json(self) -> str:
        """Return the event as JSON of at most `conf.max_event_bytes`; omit the context if it exceeds that."""
        text = _encode(vars(self))
        if len(text) <= conf.max_event_bytes:
            return text
        return _encode({**vars(self), "context": {"[cut]": f"context of {len(text)} bytes left out"}})


def build_event(
    error: object,
    run: RunContext,
    *,
    context: object = None,
    user_id: object = None,
    request_path: object = None,
    severity: object = "ERROR",
    source: str = "explicit",
) -> ErrorEvent:
    """Return the event of an occurrence; omitted arguments are filled in from the running request or task.

    Args:
        error: The exception; any other value is taken as a message.
        run: The running request or task, see `designs.context`.
        context: Any value.
        severity: See `designs.monitoring.errors.severity`.
        source: A word of the application; a counter label, so bounded and without special characters.
    """
    scrubbed = redact(context) if context is not None else {}
    facts = scrubbed if isinstance(scrubbed, dict) else {"value": scrubbed}
    details = _details(error)
    if details and "details" not in facts:
        facts = {**facts, "details": redact(details)}
    withheld = run.is_controlled or is_withheld(error)
    if withheld:
        _mark_controlled(error, run)
        facts = ids_only(facts)
    if run.trace_id:
        facts = {"trace_id": run.trace_id, **facts}
    names_of = known_type_names if withheld else type_names
    module, name = names_of(error) if is_exception(error) else ("", "message")
    event = object.__new__(ErrorEvent)
    # Same result as the frozen class's own __init__, in a third of its time.
    vars(event).update(
        event_id=os.urandom(16).hex(),
        timestamp=iso_now(),
        error_module=module,
        error_type=name,
        error_message=_withheld_message(error) if withheld else _message(error),
        severity=severity_of(severity),
        user_id=_user(run.user_id, withheld) if (user := _user(user_id, withheld)) is None else user,
        request_path=_path(_field(request_path), _field(run.path), withheld),
        context=facts,
        request_id=run.request_id,
        task=run.task,
        release=conf.release,
        source=source if type(source) is str and source in _SOURCES else _source(source, withheld),
    )
    return event


def _mark_controlled(error: object, run: RunContext) -> None:
    if not is_exception(error):
        return
    if not run.is_controlled and (run.request_id or run.task_id) and comes_from_controlled(error):
        # This request or task reports an exception of controlled work: its spans, breadcrumbs and results may quote it.
        set_controlled()
    tag(error)


def _source(source: object, withheld: bool) -> str:
    """Return a cleaned source of the application: it becomes part of a name and a metric label."""
    if source is None or withheld:
        return "explicit"
    return _NOT_OF_SOURCES.sub("_", safe_str(source, 2 * _MAX_SOURCE_CHARS).lower())[:_MAX_SOURCE_CHARS] or "explicit"


def operation_of(value: object, withheld: bool = False) -> str:
    """Return an operation's id in a form that the store can hold; empty if there is none.

    Task ids come from messages and may hold anything. An id that is too long or not plain text becomes its digest.
    """
    try:
        text = "" if value is None else str(value)
        is_plain = len(text) <= _MAX_OPERATION_CHARS and text.isascii() and text.isprintable()
        if is_plain and (is_id(text) or not withheld):
            return text
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    except Exception:  # noqa: BLE001 - an unreadable value is no id, and must not prevent the record
        return ""


def _path(given: str, here: str, withheld: bool) -> str | None:
    path = given or here
    if not withheld:
        return path or None
    # Words of the requested path belong to the program, since a route matched them. Any other path may hold data.
    return path_of_ids(path, here if given else None) or None


def _withheld_message(error: object) -> str:
    """Return the message of a failure that concerns a controlled design."""
    return redacted_str(own_words(error) if is_exception(error) else said_in_own_words(error), MAX_MESSAGE_CHARS)


def _message(error: object) -> str:
    text = raw_text(error)
    if len(text) > MAX_MESSAGE_CHARS:
        return redacted_str(text, MAX_MESSAGE_CHARS)
    return _scrubbed(text, conf.redact_email, conf.redact_ip)


@lru_cache(maxsize=64)
def _scrubbed(text: str, *settings: bool) -> str:
    # Cached: an error storm repeats the same text. The settings are only part of the cache key.
    return redacted_str(text, MAX_MESSAGE_CHARS)


def _details(error: object) -> dict[str, Any]:
    if not is_exception(error):
        return {}
    details = attribute_of(error, "details")
    # Check the type: isinstance would make a lazy object load its value.
    return dict(dict.items(details)) if issubclass(type(details), dict) else {}


def _field(value: object) -> str:
    if value is None or (type(value) is str and not value):
        return ""
    return redacted_str(value, MAX_FIELD_CHARS)


def _user(value: object, withheld: bool) -> UserId | None:
    """Return a user's id: an integer unchanged, any other value as text, None if there is none."""
    if value is None:
        return None
    # Exact int only: subclasses may define their own text. Redaction removes numbers that may be payment cards.
    if type(value) is int and -_LARGEST_ID <= value < _LARGEST_ID and redact(value) == value:
        return value
    text = _field(value)
    return (WITHHELD_NAME if text and withheld and not is_id(text) else text) or None
