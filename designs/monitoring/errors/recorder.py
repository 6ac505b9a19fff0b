"""ErrorTracker: every failure becomes one grouped, scrubbed record, counted once whoever sees it."""

from __future__ import annotations

import atexit
import copy
import os
from collections.abc import Callable
from typing import Any

from celery.signals import worker_process_shutdown

from designs import context as run_context
from designs.conf import conf
from designs.monitoring.errors.event import ErrorEvent, build_event, operation_of
from designs.monitoring.errors.failure_reasons import reason_of
from designs.monitoring.errors.known_groups import known_groups
from designs.monitoring.errors.log_line import is_logged, write_failure_line
from designs.monitoring.errors.recorded_marker import mark_as_logged, mark_of, set_mark
from designs.monitoring.errors.request_notes import note
from designs.monitoring.errors.store import ErrorStore, Outcome
from designs.monitoring.errors.tracebacks import format_traceback
from designs.monitoring.fingerprint import Fingerprint, fingerprint_exception, fingerprint_message
from designs.monitoring.guard import guarded, swallow
from designs.monitoring.health import HealthChecker
from designs.monitoring.sentry.occurrence import inert_text_of, occurrence_of, short_text_of
from designs.monitoring.untrusted.exceptions import is_exception
from designs.monitoring.untrusted.no_io import allowing_io, is_refusing
from designs.monitoring.untrusted.text import safe_str
from designs.monitoring.withheld import is_withheld, without_words
from integrations.redis import RedisUnavailable
from integrations.sentry import forward_error

__all__ = ["ErrorTracker"]

store = ErrorStore()

Forward = Callable[[BaseException | None, ErrorEvent, Fingerprint, Outcome], None]


class ErrorTracker:
    """Records failures and reads them back. Never raises into its caller."""

    @staticmethod
    def log_error(
        error: object,
        context: Any = None,
        user_id: Any = None,
        request_path: Any = None,
        severity: str | int = "ERROR",
        *,
        source: str = "explicit",
        operation: str = "",
    ) -> dict[str, Any]:
        """Record a failure and return its record.

        An exception that was recorded before, by whichever hook, is the same occurrence: the new context is added to
        its record, and nothing is counted.

        Args:
            error: The exception, or a message.
            context: Any value; stored scrubbed and bounded.
            user_id: Whom it happened to; the running request's user when omitted.
            request_path: Where; the running request's path when omitted.
            severity: ``DEBUG``, ``INFO``, ``WARNING``, ``ERROR`` or ``CRITICAL``; in any case. Aliases, all of them in
                `errors.severity.ALIASES`: ``TRACE`` is DEBUG, ``NOTICE`` INFO, ``WARN`` WARNING, ``ERR`` ERROR,
                ``FATAL``, ``CRIT``, ``ALERT``, ``EMERGENCY`` and ``PANIC`` are CRITICAL. A level of `logging`
                (30, ``logging.WARNING``) means the severity it reaches. Anything else is ERROR.
            source: Which hook reports it.
            operation: Id of the operation that failed; reported twice, it counts once.

        Returns:
            The record (see `get_recent_errors`); an empty dict if recording itself failed.
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
                store.merge(mark["event_id"], mark["fingerprint"], _additions(event))
                return _as_record(event, mark["fingerprint"], mark["occurrences"], event_id=mark["event_id"])
            return record_new(error, event, operation)
        except Exception as failure:  # noqa: BLE001 - whatever it was, the caller goes on
            swallow("log_error", failure)
        return {}

    @staticmethod
    def get_recent_errors(limit: int = 50) -> list[dict[str, Any]]:
        """Return the newest records of the last hour, newest first.

        Args:
            limit: At most this many; the ring holds 100.

        Returns:
            Dicts with ``timestamp``, ``error_type``, ``error_module``, ``error_message``, ``severity``, ``user_id``,
            ``request_path``,
            ``context``, ``traceback``, ``event_id``, ``fingerprint``, ``occurrences`` (of the group by now),
            ``request_id``, ``task``, ``release``, ``source``.
        """
        with guarded("get_recent_errors"):
            wanted = min(int(limit), conf.ring_size)
            if wanted > 0:
                return store.recent(wanted)
        return []

    @staticmethod
    def get_groups(limit: int | None = None) -> list[dict[str, Any]]:
        """Return groups, most recently seen first.

        Args:
            limit: At most this many; all (`conf.max_groups` at most) when omitted.

        Returns:
            Dicts with ``fingerprint``, ``total``, ``type`` (bare name), ``module``, ``message``, ``severity``,
            ``site``, ``parts`` (JSON list),
            ``first_seen_ms``, ``last_seen_ms``, ``last_event_id``, ``state`` (``new``, ``ongoing``, ``resolved``,
            ``regressed``), ``releases`` (one a line, oldest first), all text, and as int ``users`` (distinct, 1 %
            exact), ``forwarded`` (occurrences that forwarded events stand for) and ``pending`` (those that wait for
            the group's next event), and ``reasons``, a list of ``{"reason", "count"}``, the most frequent first, of
            the occurrences that state one; empty while Redis is away.
        """
        with guarded("get_groups"):
            try:
                return store.groups(None if limit is None else int(limit))
            except RedisUnavailable:
                return []
        return []

    @staticmethod
    def get_group(key: str) -> dict[str, Any] | None:
        """Return one group in full.

        Args:
            key: Its fingerprint, an alias or a joined key.

        Returns:
            What `get_groups` tells, and ``first_seen``, ``last_seen`` (ISO, UTC), ``why`` (list of the fingerprint's
            parts), ``aliases`` (other keys that find it, here too), ``joined`` (keys of the same bug whose occurrences
            count here; they find it as well), ``minutes`` (``[minute, count]`` of the last 24 hours, oldest first,
            only minutes with occurrences), ``traceback`` (a sample), ``related`` (groups of the same site, at most
            49, as `get_groups` tells them). None for an unknown group or while Redis is away.
        """
        with guarded("get_group"):
            try:
                return store.group(key)
            except RedisUnavailable:
                return None
        return None

    @staticmethod
    def resolve_group(key: str) -> bool:
        """Mark a group as resolved: its next occurrence is a regression and always passes the gate.

        Args:
            key: As for `get_group`.

        Returns:
            Whether the group is known; False also while Redis is away.
        """
        with guarded("resolve_group"):
            try:
                return store.resolve(key)
            except RedisUnavailable:
                return False
        return False


def record_new(
    error: object,
    event: ErrorEvent,
    operation: str,
    *,
    fingerprint: Fingerprint | None = None,
    forward: Forward | None = None,
) -> dict[str, Any]:
    """Record an occurrence that bears no mark, and return its record.

    Args:
        error: The exception, or a message.
        event: Its description.
        operation: See `ErrorTracker.log_error`.
        fingerprint: Its group, where it is known already.
        forward: Is told of one that passes the gate, in place of Sentry.
    """
    if not is_refusing():
        return _record_new(error, event, operation, fingerprint, forward)
    # Code that is refused I/O while its object is described reports something itself.
    with allowing_io():
        return _record_new(error, event, operation, fingerprint, forward)


def _record_new(
    error: object, event: ErrorEvent, operation: str, fingerprint: Fingerprint | None, forward: Forward | None
) -> dict[str, Any]:
    if down := HealthChecker.components_down():
        event.context.setdefault("components_down", down)
    exc = error if is_exception(error) else None
    if fingerprint is None:
        fingerprint = fingerprint_of(exc, event) if exc is not None else _fingerprint_of_message(error, event)
    own, fingerprint = fingerprint, known_groups.joined(fingerprint)
    known = known_groups.knows(fingerprint.key)
    # One traceback a group: Redis has it, or it waits for Redis.
    has_one = known or bool(store.backlog and store.backlog.traceback_of(fingerprint.key))
    traceback = "" if exc is None or has_one else format_traceback(exc, event.error_message)
    outcome = store.record(
        event,
        fingerprint,
        traceback=traceback,
        operation="" if type(operation) is str and not operation else operation_of(operation, is_withheld(exc)),
        reason="" if exc is None else reason_of(exc, is_withheld(exc)),
        describe=not known,
    )
    fingerprint = known_groups.settle(own, fingerprint, outcome)
    if exc is not None:
        set_mark(
            exc,
            event_id=outcome.event_id,
            fingerprint=fingerprint.key,
            occurrences=outcome.occurrences,
            request_id=event.request_id,
        )
    if outcome.state == "seen":
        note(outcome.event_id, event.severity, is_logged=False)
        store.merge(outcome.event_id, fingerprint.key, _additions(event))
        return _as_record(event, fingerprint.key, outcome.occurrences, event_id=outcome.event_id)
    if outcome.state == "recorded":
        if outcome.needs_facts or (outcome.needs_traceback and exc is not None):
            text = "" if exc is None else traceback or format_traceback(exc, event.error_message)
            store.merge(outcome.event_id, fingerprint, None, text, describe=event)
        known_groups.learn(fingerprint.key, traceback)
    note(outcome.event_id, event.severity, is_logged=_log(exc, event, fingerprint.key, outcome, traceback))
    if outcome.forward:
        (forward or _forward)(exc, event, fingerprint, outcome)
    record = _as_record(event, fingerprint.key, outcome.occurrences)
    record["traceback"] = traceback
    if outcome.state == "kept":
        # What waits must not change with what the caller does to its record.
        record["context"] = copy.deepcopy(event.context)
    return record


def fingerprint_of(exc: BaseException, event: ErrorEvent) -> Fingerprint:
    try:
        fingerprint = fingerprint_exception(exc, event.task)
        return without_words(fingerprint, exc) if is_withheld(exc) else fingerprint
    except Exception as failure:  # noqa: BLE001 - see below
        swallow("fingerprint", failure)
    # One that cannot be grouped by its stack is still an occurrence.
    return fingerprint_message(event.qualified_type)


def _fingerprint_of_message(message: object, event: ErrorEvent) -> Fingerprint:
    return fingerprint_message(event.error_message if is_withheld() else safe_str(message))


def _forward(exc: BaseException | None, event: ErrorEvent, fingerprint: Fingerprint, outcome: Outcome) -> None:
    with guarded("forward"):
        forward_error(exc, occurrence_of(exc, event, fingerprint, outcome), short_text_of(exc, event), inert_text_of)


def _log(exc: BaseException | None, event: ErrorEvent, key: str, outcome: Outcome, traceback: str) -> bool:
    """Write the line of a failure; return whether it has one, by this call or by what ends a command."""
    if event.source == "command":
        # The traceback that ends the command says it already, on the same standard error.
        return True
    if not is_logged(event):
        return False
    write_failure_line(
        event,
        event_id=outcome.event_id,
        fingerprint=key,
        occurrences=outcome.occurrences,
        traceback=traceback or _traceback_of_group(exc, event, key),
    )
    if exc is not None:
        mark_as_logged(exc)
    return True


def _traceback_of_group(exc: BaseException | None, event: ErrorEvent, key: str) -> str:
    """Return the traceback that occurrences of a group share, as far as this process has one; else this one's own."""
    if exc is None:
        return ""
    text = known_groups.traceback_of(key) or (store.backlog.traceback_of(key) if store.backlog else "")
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


def _forget_the_parents() -> None:
    # What waits in the parent is handed over by the parent; twice would be two counts. Locks may be held there.
    store.start_over()
    known_groups.start_over()


def _close(**signal: object) -> None:
    with guarded("close"):
        store.close()


os.register_at_fork(after_in_child=_forget_the_parents)
atexit.register(_close)
# Pool processes leave without running what atexit knows.
worker_process_shutdown.connect(_close, weak=False, dispatch_uid="enginel.hand_over")
