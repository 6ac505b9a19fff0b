"""Celery signals that count and time tasks, each attempt once.

A pool process reports the attempts that it ends itself (``task_postrun``). The worker's main process reports attempts
whose pool process was killed or hit the hard time limit (``task_failure`` there, sent twice for a hard limit).
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
            # Each attempt has its own queue time: a retry reuses the headers of the previous attempt.
            headers[QUEUED_AT_HEADER] = time.time()


def remember(request: Any = None, **kwargs: object) -> None:
    """Main process: keep the facts of an attempt, in case its pool process dies before it reports them."""
    with guarded("remember_task"):
        headers = request.request_dict
        if request.delivery_info.get("redelivered"):
            # Time at the lost worker does not count as queue time, and the broker does not report when it ended.
            headers[QUEUED_AT_HEADER] = max(due_at(headers), time.time())
        _received[request.id] = request
        if len(_received) > _REMEMBERED_MAX:
            _received.popitem(last=False)


def begin(task_id: str = "", task: Any = None, **kwargs: object) -> None:
    # An eager retry runs inside the previous attempt, under the same id.
    _began.setdefault(task_id, []).append(time.perf_counter())
    MetricsCollector.begin_run(task_id, str(getattr(task, "name", "")))


def end(task_id: str = "", task: Any = None, state: str | None = None, **kwargs: object) -> None:
    """Pool process: count an attempt that has ended in any state."""
    with guarded("count_task"):
        began = _began.get(task_id)
        if not began:
            return
        seconds = time.perf_counter() - began.pop()
        if not began:
            del _began[task_id]
        MetricsCollector.end_run(task_id)
        # Without a state, the process is about to end, and the main process counts the attempt.
        if state in _STATES:
            MetricsCollector.track_task(task.name, _STATES[state], seconds, _queue_seconds(task.request, seconds))


def count_lost(sender: Any = None, task_id: str = "", **kwargs: object) -> None:
    """Main process: count an attempt whose pool process has died."""
    with guarded("count_lost_task"):
        if task_id in _began:
            return
        request = _received.pop(task_id, None)
        if request is None:
            # Counted already, or received so long ago that its facts were dropped.
            return
        started_at = request.time_start
        seconds = max(time.time() - started_at, 0.0) if started_at else 0.0
        MetricsCollector.track_task(sender.name, "FAILED", seconds)


def _queue_seconds(request: Any, seconds: float) -> float | None:
    due = due_at(request)
    if not due:
        return None
    # Clocks of hosts differ: a task that was due after its start did not wait.
    return max(time.time() - seconds - due, 0.0)
