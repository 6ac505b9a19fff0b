"""Celery signals -> counts and durations of tasks, each attempt once.

A pool process tells of attempts it ends itself (``task_postrun``). One that is killed, or runs into its hard limit,
tells nothing: the worker's main process does (``task_failure`` there, twice for a hard limit).
"""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import Any

from celery import signals

from designs.monitoring import MetricsCollector, guarded
from integrations.celery.heartbeats import QUEUED_AT_HEADER, due_at

__all__ = ["connect"]

_STATES = {"SUCCESS": "SUCCESS", "FAILURE": "FAILED", "RETRY": "RETRY"}
_REMEMBERED_MAX = 4_096

_began: dict[str, list[float]] = {}
_received: OrderedDict[str, Any] = OrderedDict()


def connect() -> None:
    """Connect all receivers."""
    signals.before_task_publish.connect(note_sending, dispatch_uid="enginel.metrics.note_sending")
    signals.task_received.connect(remember, dispatch_uid="enginel.metrics.remember")
    signals.task_prerun.connect(begin, dispatch_uid="enginel.metrics.begin")
    signals.task_postrun.connect(end, dispatch_uid="enginel.metrics.end")
    signals.task_failure.connect(count_lost, dispatch_uid="enginel.metrics.count_lost")


def note_sending(headers: dict[str, Any] | None = None, **kwargs: object) -> None:
    with guarded("note_sending"):
        if headers is not None:
            # Each attempt waits anew: a retry is sent with the headers of the attempt before it.
            headers[QUEUED_AT_HEADER] = time.time()


def remember(request: Any = None, **kwargs: object) -> None:
    """Main process: keep the facts of an attempt that its pool process may not live to report."""
    with guarded("remember_task"):
        headers = request.request_dict
        if request.delivery_info.get("redelivered"):
            # Its time at the worker that lost it was no wait in the queue, and the broker does not say when it ended.
            headers[QUEUED_AT_HEADER] = max(due_at(headers), time.time())
        _received[request.id] = request
        if len(_received) > _REMEMBERED_MAX:
            _received.popitem(last=False)


def begin(task_id: str = "", task: Any = None, **kwargs: object) -> None:
    # An eager retry runs inside the attempt before it, under the same id.
    _began.setdefault(task_id, []).append(time.perf_counter())
    MetricsCollector.begin_run(task_id, str(getattr(task, "name", "")))


def end(task_id: str = "", task: Any = None, state: str | None = None, **kwargs: object) -> None:
    """Pool process: count an attempt that has ended, however it did."""
    with guarded("count_task"):
        began = _began.get(task_id)
        if not began:
            return
        seconds = time.perf_counter() - began.pop()
        if not began:
            del _began[task_id]
        MetricsCollector.end_run(task_id)
        # No state: the process is about to end, and the main process counts.
        if state in _STATES:
            MetricsCollector.track_task(task.name, _STATES[state], seconds, _queue_seconds(task.request, seconds))


def count_lost(sender: Any = None, task_id: str = "", **kwargs: object) -> None:
    """Main process: count an attempt whose pool process is gone."""
    with guarded("count_lost_task"):
        if task_id in _began:
            return
        request = _received.pop(task_id, None)
        if request is None:
            # Told before, or received so long ago that nobody knows when.
            return
        started_at = request.time_start
        seconds = max(time.time() - started_at, 0.0) if started_at else 0.0
        MetricsCollector.track_task(sender.name, "FAILED", seconds)


def _queue_seconds(request: Any, seconds: float) -> float | None:
    due = due_at(request)
    if not due:
        return None
    # Hosts' clocks differ: a task that was due after it began did not wait.
    return max(time.time() - seconds - due, 0.0)
