"""The record pipeline: recognizes a failure that was recorded before, fingerprints, stores, logs and forwards it."""

from __future__ import annotations

import copy
from typing import Any

from designs import context as run_context
from designs.monitoring.errors.collaborators import Forward, collaborators
from designs.monitoring.errors.event import ErrorEvent, build_event, operation_of
from designs.monitoring.errors.failure_reasons import reason_of
from designs.monitoring.errors.known_groups import known_groups
from designs.monitoring.errors.log_line import is_logged, write_failure_line
from designs.monitoring.errors.recorded_marker import mark_as_logged, mark_of, set_mark
from designs.monitoring.errors.request_notes import note
from designs.monitoring.errors.store import RecordResult, error_store
from designs.monitoring.errors.tracebacks import format_traceback
from designs.monitoring.fingerprint import Fingerprint, fingerprint_exception, fingerprint_message
from designs.monitoring.guard import guarded, swallow
from designs.monitoring.untrusted.exceptions import is_exception
from designs.monitoring.untrusted.no_io import allowing_io, is_refusing
from designs.monitoring.untrusted.text import safe_str
from designs.monitoring.withheld import is_withheld, without_words

__all__ = ["fingerprint_of", "record", "record_new"]


def record(
    error: object,
    *,
    context: Any = None,
    user_id: Any = None,
    request_path: Any = None,
    severity: str | int = "ERROR",
    source: str = "explicit",
    operation: str = "",
) -> dict[str, Any]:
    """Record a failure, or add to its record if it was recorded before; never raises.

    See `ErrorTracker.log_error` for arguments and result.
    """
    try:
        run = run_context.current()
        event = build_event(
            error,
            run,
            context=context,
            user_id=user_id,
            request_path=request_path,
            severity=severity,
            source=source,
        )
        mark = mark_of(error, run.request_id)
        if mark is not None:
            note(mark["event_id"], event.severity, is_logged=mark.get("logged", False))
            error_store.merge(mark["event_id"], mark["fingerprint"], _additions(event))
            return _as_record(event, mark["fingerprint"], mark["occurrences"], event_id=mark["event_id"])
        return record_new(error, event, operation)
    except Exception as failure:  # noqa: BLE001 - no failure of the tracker may reach the caller
        swallow("log_error", failure)
    return {}


def record_new(
    error: object,
    event: ErrorEvent,
    operation: str,
    *,
    fingerprint: Fingerprint | None = None,
    forward: Forward | None = None,
) -> dict[str, Any]:
    """Record an occurrence that has no mark, and return its record.

    Args:
        error: The exception, or a message.
        event: Its description.
        operation: See `ErrorTracker.log_error`.
        fingerprint: Its fingerprint, if already computed.
        forward: Called in place of Sentry with an occurrence that passes the gate.
    """
    if not is_refusing():
        return _record_new(error, event, operation, fingerprint, forward)
    # An object's own code reports an error while I/O is refused to it: the record needs I/O.
    with allowing_io():
        return _record_new(error, event, operation, fingerprint, forward)


def _record_new(
    error: object, event: ErrorEvent, operation: str, fingerprint: Fingerprint | None, forward: Forward | None
) -> dict[str, Any]:
    if down := collaborators.components_down():
        event.context.setdefault("components_down", down)
    exc = error if is_exception(error) else None
    if fingerprint is None:
        fingerprint = fingerprint_of(exc, event) if exc is not None else _fingerprint_of_message(error, event)
    own, fingerprint = fingerprint, known_groups.joined(fingerprint)
    known = known_groups.knows(fingerprint.key)
    # One traceback per group: Redis or the backlog already holds it.
    has_traceback = known or bool(error_store.backlog and error_store.backlog.traceback_of(fingerprint.key))
    traceback = "" if exc is None or has_traceback else format_traceback(exc, event.error_message)
    result = error_store.record(
        event,
        fingerprint,
        traceback=traceback,
        operation="" if type(operation) is str and not operation else operation_of(operation, is_withheld(exc)),
        reason="" if exc is None else reason_of(exc, is_withheld(exc)),
        describe=not known,
    )
    fingerprint = known_groups.settle(own, fingerprint, result)
    if exc is not None:
        set_mark(
            exc,
            event_id=result.event_id,
            fingerprint=fingerprint.key,
            occurrences=result.occurrences,
            request_id=event.request_id,
        )
    if result.state == "seen":
        note(result.event_id, event.severity, is_logged=False)
        error_store.merge(result.event_id, fingerprint.key, _additions(event))
        return _as_record(event, fingerprint.key, result.occurrences, event_id=result.event_id)
    if result.state == "recorded":
        if result.needs_facts or (result.needs_traceback and exc is not None):
            text = "" if exc is None else traceback or format_traceback(exc, event.error_message)
            error_store.merge(result.event_id, fingerprint, None, text, describe=event)
        known_groups.learn(fingerprint.key, traceback)
    note(result.event_id, event.severity, is_logged=_log(exc, event, fingerprint.key, result, traceback))
    if result.forward:
        _forward(forward or collaborators.forward, exc, event, fingerprint, result)
    record = _as_record(event, fingerprint.key, result.occurrences)
    record["traceback"] = traceback
    if result.state == "kept":
        # The caller may change its record; the pending event must not change with it.
        record["context"] = copy.deepcopy(event.context)
    return record


def fingerprint_of(exc: BaseException, event: ErrorEvent) -> Fingerprint:
    """Return an exception's fingerprint; one of its type alone if grouping by stack fails."""
    try:
        fingerprint = fingerprint_exception(exc, event.task)
        return without_words(fingerprint, exc) if is_withheld(exc) else fingerprint
    except Exception as failure:  # noqa: BLE001 - see below
        swallow("fingerprint", failure)
    # An exception that cannot be grouped by its stack is still an occurrence.
    return fingerprint_message(event.qualified_type)


def _fingerprint_of_message(message: object, event: ErrorEvent) -> Fingerprint:
    return fingerprint_message(event.error_message if is_withheld() else safe_str(message))


def _forward(
    forward: Forward, exc: BaseException | None, event: ErrorEvent, fingerprint: Fingerprint, result: RecordResult
) -> None:
    with guarded("forward"):
        forward(exc, event, fingerprint, result)


def _log(exc: BaseException | None, event: ErrorEvent, key: str, result: RecordResult, traceback: str) -> bool:
    """Write a failure's log line; return whether it has one, from this call or from the end of a command."""
    if event.source == "command":
        # The command ends with the same traceback on the same standard error.
        return True
    if not is_logged(event):
        return False
    write_failure_line(
        event,
        event_id=result.event_id,
        fingerprint=key,
        occurrences=result.occurrences,
        traceback=traceback or _traceback_of_group(exc, event, key),
    )
    if exc is not None:
        mark_as_logged(exc)
    return True


def _traceback_of_group(exc: BaseException | None, event: ErrorEvent, key: str) -> str:
    """Return the traceback that a group's occurrences share, if this process holds it; else the exception's own."""
    if exc is None:
        return ""
    text = known_groups.traceback_of(key) or (error_store.backlog.traceback_of(key) if error_store.backlog else "")
    return text or format_traceback(exc, event.error_message)


def _additions(event: ErrorEvent) -> dict[str, Any]:
    known = {
        "user_id": event.user_id,
        "request_path": event.request_path,
        "request_id": event.request_id,
        "task": event.task,
    }
    return {**{name: value for name, value in known.items() if value not in (None, "")}, "context": event.context}


def _as_record(event: ErrorEvent, key: str, occurrences: int, event_id: str = "") -> dict[str, Any]:
    return {
        **vars(event),
        "event_id": event_id or event.event_id,
        "fingerprint": key,
        "occurrences": occurrences,
        "traceback": "",
    }
