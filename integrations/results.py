"""Celery's result backend and event dispatcher without secrets.

Tasks keep no result unless they ask for one (``ignore_result=False``). Celery stores some all the same: what a chord
passes to its body, the failures that stop a chord, and that of an unknown task. Failures and tracebacks that are
stored, and every event of a worker that sends events, pass the scrubbers. Without scrubbers none of their text is kept.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from celery import states
from celery.app.events import Events as CeleryEvents
from celery.backends.redis import RedisBackend
from celery.events.dispatcher import EventDispatcher

__all__ = ["EventsWithoutSecrets", "ResultsWithoutSecrets", "ends_controlled_chord", "use_scrubbers"]

_JSON = "json"
# The fields of events that hold arguments, results and failures of tasks, all of them text.
_FREE_FIELDS = frozenset({"args", "exception", "kwargs", "result", "traceback"})
# What Celery's own events say besides: names, ids, times and counts.
_FACTS = frozenset(
    {
        "active", "clock", "eta", "exchange", "expired", "expires", "freq", "hostname", "loadavg", "local_received",
        "name", "parent_id", "pid", "processed", "queue", "requeue", "retries", "root_id", "routing_key",
        "runtime", "signum", "sw_ident", "sw_sys", "sw_ver", "taskset", "terminated", "timestamp", "type", "utcoffset",
        "uuid",
    }
)  # fmt: skip
# How an event is sent; no part of it.
_WAYS = frozenset({"blind", "Event", "retry", "retry_policy", "utcoffset"})

_HIDDEN = "[filtered]"
_CHORD_SECONDS = 86_400

_ending: ContextVar[Callable[[], bool] | None] = ContextVar("enginel_ending_chord", default=None)
"""Asks whether the chord is to be withheld of which a part ends here."""


def _hide_value(value: Any) -> Any:
    return [_HIDDEN]


def _hide_text(text: str) -> str:
    return _HIDDEN


def _same_type(module: str, name: str) -> tuple[str, str]:
    return module, name


def _withholds_none(task_id: str) -> bool:
    return False


_scrub_value: Callable[[Any], Any] = _hide_value
_scrub_text: Callable[[str], str] = _hide_text
_scrub_type: Callable[[str, str], tuple[str, str]] = _same_type
_withholds_task: Callable[[str], bool] = _withholds_none


def use_scrubbers(
    value: Callable[[Any], Any],
    text: Callable[[str], str],
    type_names: Callable[[str, str], tuple[str, str]] = _same_type,
    withholds_task: Callable[[str], bool] = _withholds_none,
) -> None:
    """Set how secrets are removed.

    Args:
        value: Returns a scrubbed copy of a list of JSON values: the arguments of an exception.
        text: Returns a scrubbed text: a traceback, or what represents a value.
        type_names: Returns module and name of the type of an exception as they may be stored.
        withholds_task: Returns whether the task with this id concerns what must not be said in an event.
    """
    global _scrub_value, _scrub_text, _scrub_type, _withholds_task
    _scrub_value, _scrub_text, _scrub_type, _withholds_task = value, text, type_names, withholds_task


class ResultsWithoutSecrets(RedisBackend):
    """Celery's Redis backend; failures are scrubbed before they are stored.

    A chord whose header holds groups reads the results of its parts one by one. Those are stored, whether their tasks
    ignore results or not. Simple chords pass results on without storing them.
    """

    def mark_as_done(
        self, task_id: str, result: Any, request: Any = None, store_result: bool = True, state: str = states.SUCCESS
    ) -> None:
        if getattr(request, "ignore_result", False) and self._is_read_by_chord(request):
            self.store_result(task_id, result, state, request=request)
        super().mark_as_done(task_id, result, request=request, store_result=store_result, state=state)

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
        """Note of a part that is to be withheld that its chord is, and let the last part know while it starts the body.

        Any worker may run the last part, so the note is in Redis.
        """
        group_id = getattr(request, "group", None)
        if group_id and _withholds_task(str(request.id)):
            seconds = self.prepare_expires(None, type=int) or _CHORD_SECONDS
            with contextlib.suppress(Exception):
                self.client.set(self._key_of_chord(group_id), 1, ex=seconds)
        token = _ending.set(functools.partial(self._is_noted, group_id) if group_id else None)
        try:
            super().on_chord_part_return(request, state, result, propagate=propagate, **kwargs)
        finally:
            _ending.reset(token)

    def _key_of_chord(self, group_id: str) -> Any:
        return self.get_key_for_group(group_id, ".withheld")

    def _is_noted(self, group_id: str) -> bool:
        try:
            return bool(self.client.exists(self._key_of_chord(group_id)))
        except Exception:  # noqa: BLE001 - Redis is away, so nobody knows
            return True

    def _is_read_by_chord(self, request: Any) -> bool:
        """Return whether a task is part of a chord whose structure Celery has saved, to read its results by it."""
        group_id = getattr(request, "group", None) if getattr(request, "chord", None) else None
        return bool(group_id) and self.get(self.get_key_for_group(str(group_id))) is not None

    def encode_result(self, result: Any, state: str) -> Any:
        if state not in self.EXCEPTION_STATES or not isinstance(result, BaseException):
            return super().encode_result(result, state)
        # As JSON whatever the serializer: a pickled exception cannot be scrubbed.
        prepared = self.prepare_exception(result, _JSON)  # type: ignore[arg-type]  # any exception, says Celery
        module, name = _scrub_type(str(prepared["exc_module"]), str(prepared["exc_type"]))
        message = _scrub_value(list(prepared["exc_message"]))
        return {**prepared, "exc_type": name, "exc_module": module, "exc_message": message}

    def store_result(
        self, task_id: str, result: Any, state: str, traceback: Any = None, request: Any = None, **kwargs: Any
    ) -> Any:
        scrubbed = None if traceback is None else _scrub_text(str(traceback))
        return super().store_result(task_id, result, state, traceback=scrubbed, request=request, **kwargs)


def ends_controlled_chord() -> bool:
    """Return whether what is published now is the body of a chord of which any part is to be withheld."""
    ask = _ending.get()
    return ask is not None and ask()


class DispatcherWithoutSecrets(EventDispatcher):
    """Celery's event dispatcher; what events say of arguments, results and failures is scrubbed."""

    def publish(self, type: str, fields: dict[str, Any], *args: Any, **kwargs: Any) -> Any:  # noqa: A002
        return super().publish(type, _without_secrets(fields), *args, **kwargs)

    def send(self, type: str, *args: Any, **fields: Any) -> Any:  # noqa: A002 - its name in Celery
        if not self.enabled:
            return None
        ways = {name: fields.pop(name) for name in _WAYS.intersection(fields)}
        return super().send(type, *args, **{**ways, **_without_secrets(fields)})


class EventsWithoutSecrets(CeleryEvents):
    """Celery's events with that dispatcher."""

    dispatcher_cls = "integrations.results:DispatcherWithoutSecrets"


def _without_secrets(fields: dict[str, Any]) -> dict[str, Any]:
    scrub = _hide_text if _withholds_task(str(fields.get("uuid"))) else _scrub_text
    return {name: scrub(str(value)) if _is_free(name, value) else value for name, value in fields.items()}


def _is_free(name: str, value: Any) -> bool:
    """Return whether a field may say anything: some hold texts, and an application may send others."""
    if name in _FREE_FIELDS:
        return value is not None
    return name not in _FACTS and not (value is None or isinstance(value, bool | int | float))
