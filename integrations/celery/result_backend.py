"""Celery's result backend and event dispatcher without secrets.

Tasks store no result unless they set ``ignore_result=False``. Celery stores some anyway: the results that a chord
passes to its body, the failures that stop a chord, and the failure of an unknown task. Scrubbers process stored
failures and tracebacks, and all events of workers. Without scrubbers none of their text is kept.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, NamedTuple

from celery import states
from celery.app.events import Events as CeleryEvents
from celery.backends.redis import RedisBackend
from celery.events.dispatcher import EventDispatcher

__all__ = ["EventsWithoutSecrets", "ResultsWithoutSecrets", "Scrubbers", "ends_controlled_chord", "use_scrubbers"]

_JSON = "json"
# Text fields of events, with arguments, results and failures of tasks.
_FREE_FIELDS = frozenset({"args", "exception", "kwargs", "result", "traceback"})
# Other fields of Celery's own events: names, ids, times and counts.
_FACTS = frozenset(
    {
        "active", "clock", "eta", "exchange", "expired", "expires", "freq", "hostname", "loadavg", "local_received",
        "name", "parent_id", "pid", "processed", "queue", "requeue", "retries", "root_id", "routing_key",
        "runtime", "signum", "sw_ident", "sw_sys", "sw_ver", "taskset", "terminated", "timestamp", "type", "utcoffset",
        "uuid",
    }
)  # fmt: skip
# Options for sending an event; not part of it.
_SEND_OPTIONS = frozenset({"blind", "Event", "retry", "retry_policy", "utcoffset"})

_EVENTS = frozenset(
    {
        "task-sent", "task-received", "task-started", "task-succeeded", "task-failed", "task-rejected", "task-revoked",
        "task-retried", "worker-online", "worker-heartbeat", "worker-offline",
    }
)  # fmt: skip
# States that applications add to Celery's own.
_STATES = frozenset({"PROGRESS", "ABORTED"})

_HIDDEN = "[filtered]"
_CUSTOM = "task-custom"
_CHORD_SECONDS = 86_400

_ending: ContextVar[Callable[[], bool] | None] = ContextVar("enginel_ending_chord", default=None)
"""Returns whether the chord of the part that ends here is controlled."""
_returned: ContextVar[bool] = ContextVar("enginel_returned", default=False)
"""True while the return value of a task is stored."""


def _hide_value(value: Any, exc: object = None) -> Any:
    return [_HIDDEN]


def _hide_text(text: str, exc: object = None) -> str:
    return _HIDDEN


def _same_type(module: str, name: str, exc: object = None) -> tuple[str, str]:
    return module, name


def _hide_state(value: Any, is_controlled: bool) -> Any:
    return _HIDDEN


def _same_result(value: Any, is_controlled: bool) -> Any:
    return value


def _withholds_none(task_id: str) -> bool:
    return False


class Scrubbers(NamedTuple):
    """Callables that remove secrets, and the content of controlled tasks.

    Attributes:
        value: Returns a scrubbed copy of the arguments of an exception (JSON values), which is its second argument.
        text: Returns a scrubbed traceback or representation of a value. The second argument is the exception, if any.
        type_names: Returns module and name of an exception's type in the form to store.
        state: Returns a task's own state in the form to store. The second argument is whether the task is controlled.
        result: Returns a task's return value in the form to store, with the same arguments.
        withholds_task: Returns whether the task with this id is controlled: its content must not be in an event.
        is_own: Returns whether an event type, or a field name, is a literal in the code that sends the event.
    """

    value: Callable[..., Any] = _hide_value
    text: Callable[..., str] = _hide_text
    type_names: Callable[..., tuple[str, str]] = _same_type
    state: Callable[[Any, bool], Any] = _hide_state
    result: Callable[[Any, bool], Any] = _same_result
    withholds_task: Callable[[str], bool] = _withholds_none
    is_own: Callable[[str], bool] = _withholds_none


_scrubbers = Scrubbers()


def use_scrubbers(scrubbers: Scrubbers) -> None:
    """Set the scrubbers of this process."""
    global _scrubbers  # noqa: PLW0603 - one process
    _scrubbers = scrubbers


class ResultsWithoutSecrets(RedisBackend):
    """Celery's Redis backend, which scrubs failures before it stores them.

    A chord whose header contains groups reads the results of its parts one by one. Those are stored even if their
    tasks ignore results. Simple chords pass results on without storing them.
    """

    def mark_as_done(
        self, task_id: str, result: Any, request: Any = None, store_result: bool = True, state: str = states.SUCCESS
    ) -> None:
        token = _returned.set(True)
        try:
            if getattr(request, "ignore_result", False) and self._is_read_by_chord(request):
                self.store_result(task_id, result, state, request=request)
            super().mark_as_done(task_id, result, request=request, store_result=store_result, state=state)
        finally:
            _returned.reset(token)

    def mark_as_failure(
        self,
        task_id: str,
        exc: Exception,
        traceback: Any = None,
        request: Any = None,
        store_result: bool = True,
        call_errbacks: bool = True,
        state: str = states.FAILURE,
    ) -> None:
        stored = store_result or self._is_read_by_chord(request)
        super().mark_as_failure(task_id, exc, traceback, request, stored, call_errbacks, state)

    def mark_as_revoked(
        self,
        task_id: str,
        reason: str = "",
        request: Any = None,
        store_result: bool = True,
        state: str = states.REVOKED,
    ) -> None:
        stored = store_result or self._is_read_by_chord(request)
        super().mark_as_revoked(task_id, reason, request, stored, state)

    def on_chord_part_return(
        self, request: Any, state: str, result: Any, propagate: bool | None = None, **kwargs: Any
    ) -> None:
        """Mark the chord of a controlled part as controlled; the last part reads the mark when it starts the body.

        Any worker may run the last part, so the mark is in Redis.
        """
        group_id = getattr(request, "group", None)
        if group_id and _scrubbers.withholds_task(str(request.id)):
            seconds = self.prepare_expires(None, type=int) or _CHORD_SECONDS
            with contextlib.suppress(Exception):
                self.client.set(self._key_of_chord(group_id), 1, ex=seconds)
        token = _ending.set(functools.partial(self._is_marked, group_id) if group_id else None)
        try:
            super().on_chord_part_return(request, state, result, propagate=propagate, **kwargs)
        finally:
            _ending.reset(token)

    def _key_of_chord(self, group_id: str) -> Any:
        return self.get_key_for_group(group_id, ".withheld")

    def _is_marked(self, group_id: str) -> bool:
        try:
            return bool(self.client.exists(self._key_of_chord(group_id)))
        except Exception:  # noqa: BLE001 - unknown while Redis is away: withhold
            return True

    def _is_read_by_chord(self, request: Any) -> bool:
        """Return whether a task is part of a chord that reads its results: Celery has saved the chord's structure."""
        group_id = getattr(request, "group", None) if getattr(request, "chord", None) else None
        return bool(group_id) and self.get(self.get_key_for_group(str(group_id))) is not None

    def encode_result(self, result: Any, state: str) -> Any:
        if state not in self.EXCEPTION_STATES or not isinstance(result, BaseException):
            return super().encode_result(result, state)
        # Always as JSON: a pickled exception cannot be scrubbed.
        prepared = self.prepare_exception(result, _JSON)  # type: ignore[arg-type]  # Celery accepts any exception
        module, name = _scrubbers.type_names(str(prepared["exc_module"]), str(prepared["exc_type"]), result)
        message = _scrubbers.value(list(prepared["exc_message"]), result)
        return {**prepared, "exc_type": name, "exc_module": module, "exc_message": message}

    def store_result(
        self, task_id: str, result: Any, state: str, traceback: Any = None, request: Any = None, **kwargs: Any
    ) -> Any:
        scrubbed = None if traceback is None else _scrubbers.text(str(traceback), result)
        if not isinstance(result, BaseException):
            result = self._storable(task_id, result, request)
        if state not in states.ALL_STATES:
            state = _scrubbers.text(state) if state not in _STATES else state
        return super().store_result(task_id, result, state, traceback=scrubbed, request=request, **kwargs)

    def _storable(self, task_id: str, result: Any, request: Any) -> Any:
        is_controlled = _scrubbers.withholds_task(str(task_id))
        if not _returned.get():
            # The task set it itself, with `update_state` for instance.
            return _scrubbers.state(result, is_controlled)
        return result if self._is_read_by_chord(request) else _scrubbers.result(result, is_controlled)


def ends_controlled_chord() -> bool:
    """Return whether the task being published is the body of a chord with a controlled part."""
    ask = _ending.get()
    return ask is not None and ask()


class DispatcherWithoutSecrets(EventDispatcher):
    """Celery's event dispatcher, which scrubs arguments, results and failures in events."""

    def publish(self, type: str, fields: dict[str, Any], *args: Any, **kwargs: Any) -> Any:  # noqa: A002
        return super().publish(_type_of_event(type, fields), _without_secrets(fields), *args, **kwargs)

    def send(self, type: str, *args: Any, **fields: Any) -> Any:  # noqa: A002 - its name in Celery
        if not self.enabled:
            return None
        options = {name: fields.pop(name) for name in _SEND_OPTIONS.intersection(fields)}
        return super().send(_type_of_event(type, fields), *args, **{**options, **_without_secrets(fields)})


class EventsWithoutSecrets(CeleryEvents):
    """Celery's events with `DispatcherWithoutSecrets`."""

    dispatcher_cls = "integrations.celery.result_backend:DispatcherWithoutSecrets"


def _type_of_event(kind: str, fields: dict[str, Any]) -> str:
    """Return the event type to send: an application's own type may contain data, and becomes part of a routing key."""
    if kind in _EVENTS:
        return kind
    if _scrubbers.withholds_task(str(fields.get("uuid"))):
        return kind if _scrubbers.is_own(kind) else _CUSTOM
    return _scrubbers.text(kind)


def _without_secrets(fields: dict[str, Any]) -> dict[str, Any]:
    if _scrubbers.withholds_task(str(fields.get("uuid"))):
        # Names of further fields may be made of data too.
        return {
            name: _HIDDEN if _is_free(name, value) else value
            for name, value in fields.items()
            if name in _FACTS or name in _FREE_FIELDS or _scrubbers.is_own(name)
        }
    scrub = _scrubbers.text
    return {name: scrub(str(value)) if _is_free(name, value) else value for name, value in fields.items()}


def _is_free(name: str, value: Any) -> bool:
    """Return whether a field may hold free text: some of Celery's fields do, and each field of an application."""
    if name in _FREE_FIELDS:
        return value is not None
    return name not in _FACTS and not (value is None or isinstance(value, bool | int | float))
