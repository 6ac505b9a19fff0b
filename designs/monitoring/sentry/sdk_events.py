"""Admission of events that the Sentry SDK captures itself: recorded, counted, and sent if they pass the gate.

The first hook that sees a failure records it. All other hooks recognize it by the mark on the exception. A log line
about an exception (see `designs.monitoring.sentry.quoted_exceptions`) is that exception's occurrence.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from designs import context as run_context
from designs.monitoring.errors.event import ErrorEvent, build_event
from designs.monitoring.errors.record_result import RecordResult
from designs.monitoring.errors.recorded_marker import mark_of
from designs.monitoring.errors.recorder import fingerprint_of, record, record_new
from designs.monitoring.errors.request_notes import note
from designs.monitoring.errors.severity import known_severity, severity_of
from designs.monitoring.fingerprint import Fingerprint, fingerprint_event, fingerprint_message
from designs.monitoring.fingerprint.grouping import with_override
from designs.monitoring.fingerprint.override import entries_of
from designs.monitoring.guard import guarded
from designs.monitoring.sentry.occurrence import occurrence_of
from designs.monitoring.sentry.quoted_exceptions import comes_from_a_result, subject_of
from designs.monitoring.untrusted.object_text import attribute_of
from designs.monitoring.untrusted.text import raw_text
from designs.monitoring.withheld import is_withheld, is_withheld_line, line_in_own_words
from integrations.sentry import Decision, Occurrence

__all__ = ["admit"]

_DROP = Decision(passes=False)
_OPEN = Decision(passes=True)

_SOURCES = {"django": "http", "wsgi": "http", "asgi": "http", "logging": "log"}


def admit(event: Mapping[str, Any], hint: Mapping[str, Any]) -> Decision:
    """Record an event of the SDK and decide whether it is sent.

    If the monitoring itself fails, the event is sent without a record.

    Args:
        event: The SDK's event, captured lean: without local variables and source lines.
        hint: Its hint: ``exc_info`` or ``log_record``, if it has one.
    """
    with guarded("second_door"):
        return _admit(event, hint)
    return _OPEN


def _admit(event: Mapping[str, Any], hint: Mapping[str, Any]) -> Decision:
    run = run_context.current()
    log = hint.get("log_record")
    exc = _exception_of(hint, log)
    if exc is not None and not isinstance(exc, Exception):
        # Cancellation or the end of the process is not a failure.
        return _DROP
    mechanism = _mechanism(event)
    if mechanism == "celery":
        # The SDK sees every call of a task's function, also one whose failure the caller handles. Celery's own signals
        # report the failure that ends a task.
        return _DROP
    subject = None
    if exc is None and "exception" not in event and _severity(None, event, log) in {"ERROR", "CRITICAL"}:
        # A line of a lower level must not lower the severity of the exception raised after it.
        subject = subject_of(_text(event))
    if subject is not None:
        exc = subject.exc
    elif exc is not None and log is not None and comes_from_a_result(log, exc):
        return _DROP
    mark = mark_of(exc, run.request_id)
    if mark is not None:
        # It may be recorded in another process: by the worker whose result the request read.
        note(mark["event_id"], _severity(exc, event, log), is_logged=mark.get("logged", False))
        if subject is not None and not subject.is_quoted:
            record(exc, context=_facts(event, log, mechanism), source="log")
        return _DROP
    text = line_in_own_words(log) if log is not None and is_withheld_line(log) else _text(event)
    described = build_event(
        exc if exc is not None else text,
        run,
        context=_facts(event, log, mechanism),
        severity=_severity(exc, event, log),
        source=_SOURCES.get(mechanism, "log" if log is not None else "sdk"),
    )
    # Uses the SDK's event id, which the SDK has already returned to its caller.
    described = replace(described, event_id=str(event["event_id"]))
    passed: list[Occurrence] = []

    def forward(exc: BaseException | None, event: ErrorEvent, fingerprint: Fingerprint, result: RecordResult) -> None:
        passed.append(occurrence_of(exc, event, fingerprint, result))

    record_new(
        exc if exc is not None else described.error_message,
        described,
        "",
        fingerprint=_fingerprint(exc, described, event),
        forward=forward,
    )
    return Decision(passes=True, occurrence=passed[0], exc=exc) if passed else _DROP


def _exception_of(hint: Mapping[str, Any], log: logging.LogRecord | None) -> BaseException | None:
    exc_info = hint.get("exc_info")
    if exc_info:
        return exc_info[1] if isinstance(exc_info[1], BaseException) else None
    return next(_exceptions_in(log), None) if log is not None else None


def _exceptions_in(log: logging.LogRecord) -> Iterator[BaseException]:
    """Yield the exceptions that a log record contains: as its message, its arguments or in its ``extra``."""
    args = log.args.values() if isinstance(log.args, Mapping) else log.args or ()
    given = (log.msg, *args, *vars(log).values())
    # Checked by type: isinstance would make a lazy object load its value.
    return (value for value in given if issubclass(type(value), BaseException))


def _fingerprint(exc: BaseException | None, described: ErrorEvent, event: Mapping[str, Any]) -> Fingerprint:
    if exc is None:
        return fingerprint_message(described.error_message) if is_withheld() else fingerprint_event(dict(event))
    fingerprint = fingerprint_of(exc, described)
    stated = event.get("fingerprint")
    if is_withheld(exc) or not isinstance(stated, list) or stated[:1] == ["celery"]:
        return fingerprint
    # The fingerprint that the application set on the SDK's scope.
    return with_override(entries_of(stated, lambda: raw_text(exc)), fingerprint)


def _facts(event: Mapping[str, Any], log: logging.LogRecord | None, mechanism: str) -> dict[str, Any]:
    if log is None:
        return {"mechanism": mechanism} if mechanism else {}
    facts = {"logger": log.name, "message": (event.get("logentry") or {}).get("formatted")}
    return {**facts, **(event.get("extra") or {})}


def _mechanism(event: Mapping[str, Any]) -> str:
    values = (event.get("exception") or {}).get("values") or ()
    return str((values[-1].get("mechanism") or {}).get("type") or "") if values else ""


def _severity(exc: BaseException | None, event: Mapping[str, Any], log: logging.LogRecord | None) -> str:
    own = known_severity(attribute_of(exc, "severity"))
    # The SDK knows only the five levels of `logging`.
    return own or severity_of(event.get("level") or (log.levelno if log is not None else None))


def _text(event: Mapping[str, Any]) -> str:
    entry = event.get("logentry") or {}
    return str(entry.get("formatted") or entry.get("message") or "an event without a message")
