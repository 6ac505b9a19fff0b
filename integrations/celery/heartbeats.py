"""Heartbeats of workers and beat: each writes to Redis every two seconds, with facts about its work.

``control.ping`` waits its whole timeout, blocks forever if ten probes call it at once, and reports nothing about the
pool. Reading a sorted set ordered by the server's time takes a tenth of a millisecond.

A worker beats from its own event loop, so a frozen worker, or one that lost the broker and takes no tasks, stops
beating.
"""

from __future__ import annotations

import json
import logging
import math
import time
import weakref
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import redis
from celery import bootsteps
from celery.worker import state
from django.conf import settings

from integrations.redis import FailFastRedis, RedisUnavailable, Script

__all__ = [
    "BEATS_KEY",
    "BEAT_SECONDS",
    "LIVE_SECONDS",
    "QUEUED_AT_HEADER",
    "WORKERS_KEY",
    "Heartbeat",
    "WorkerHeartbeat",
    "due_at",
    "extra_facts",
    "held_requests",
    "live_workers",
    "read_beats",
    "tell",
    "untell",
]

_BEAT = Script("integrations.celery", "beat")
_READ_BEATS = Script("integrations.celery", "read_beats")

logger = logging.getLogger("enginel.health")

WORKERS_KEY = "{health}workers"
BEATS_KEY = "{health}beats"

QUEUED_AT_HEADER = "enginel_queued_at"
"""Name of the message header with the time of queueing, in seconds since the epoch. See `due_at`."""

BEAT_SECONDS = 2.0
LIVE_SECONDS = 3 * BEAT_SECONDS
FORGET_SECONDS = 600
"""How long a silent process counts as lost before it is forgotten: ten minutes."""

TASKS_MAX = 1_000
"""Most tasks listed in a heartbeat. A worker has more only if thousands of tasks wait for their eta."""

held_requests: weakref.WeakSet[Any] = weakref.WeakSet()
"""Requests that this worker delays for a rate limit; its consumer maintains the set."""

extra_facts: dict[str, Callable[[], Any]] = {}
"""Further facts for a worker's heartbeat, by name; the application registers them."""

_TICK_SECONDS = 0.5
_TIMEOUT_SECONDS = 0.25


class Heartbeat(NamedTuple):
    """The last heartbeat of a process.

    Attributes:
        name: Its node name.
        age_seconds: Age by the server's clock.
        facts: Facts about its work.
    """

    name: str
    age_seconds: float
    facts: Mapping[str, Any]

    def is_live(self, within_seconds: float = LIVE_SECONDS) -> bool:
        return self.age_seconds <= within_seconds


def tell(gateway: FailFastRedis, key: str, name: str, facts: Mapping[str, Any]) -> bool:
    """Write the heartbeat of a process; return whether Redis took it. Never raises errors of Redis."""
    try:
        gateway.script(_BEAT, [key, f"{key}:facts"], [name, json.dumps(dict(facts)), FORGET_SECONDS])
    except (RedisUnavailable, redis.RedisError):
        return False
    return True


def untell(gateway: FailFastRedis, key: str, name: str) -> None:
    """Remove a process that ends normally, so that it does not count as lost."""
    try:
        gateway.run(lambda client: client.zrem(key, name))
        gateway.run(lambda client: client.hdel(f"{key}:facts", name))
    except (RedisUnavailable, redis.RedisError):
        logger.info("The heartbeat of %s could not be removed from Redis", name)


def read_beats(gateway: FailFastRedis, key: str = WORKERS_KEY) -> list[Heartbeat]:
    """Return the last heartbeat of each process of the last ten minutes that did not end normally.

    Raises:
        RedisUnavailable: Redis does not answer.
    """
    rows = gateway.script(_READ_BEATS, [key, f"{key}:facts"], [FORGET_SECONDS])
    return sorted(Heartbeat(name.decode(errors="replace"), float(age), json.loads(facts)) for name, age, facts in rows)


def live_workers(gateway: FailFastRedis) -> list[str]:
    """Return the node names of workers that are alive.

    Raises:
        RedisUnavailable: Redis does not answer.
    """
    return [beat.name for beat in read_beats(gateway) if beat.is_live()]


class WorkerHeartbeat(bootsteps.StartStopStep):
    """Worker step that beats from the worker's event loop, through its own connection to Redis."""

    requires = ("celery.worker.components:Timer", "celery.worker.components:Pool")

    def __init__(self, worker: Any, **kwargs: Any) -> None:
        super().__init__(worker, **kwargs)
        self._entry: Any = None
        self._sent_at = float("-inf")
        self._accepted = -1
        self._waiting_since: float | None = None

    def start(self, worker: Any) -> None:
        self._gateway = FailFastRedis(settings.REDIS_URL, timeout_seconds=_TIMEOUT_SECONDS, breaker_seconds=0)
        self.beat(worker)
        # More often than it beats, so that it beats again soon after an outage of Redis.
        self._entry = worker.timer.call_repeatedly(_TICK_SECONDS, self._tick, (worker,))

    def stop(self, worker: Any) -> None:
        if self._entry is not None:
            self._entry.cancel()
            self._entry = None
            untell(self._gateway, WORKERS_KEY, worker.hostname)

    def terminate(self, worker: Any) -> None:
        self.stop(worker)

    def _tick(self, worker: Any) -> None:
        if time.monotonic() - self._sent_at >= BEAT_SECONDS - _TICK_SECONDS / 2:
            self.beat(worker)

    def beat(self, worker: Any) -> None:
        """Write the worker's heartbeat. A failure does not affect the worker."""
        try:
            facts = self._facts(worker)
        except Exception:
            logger.exception("A worker could not collect the facts for its heartbeat")
            facts = {}
        if tell(self._gateway, WORKERS_KEY, worker.hostname, facts):
            self._sent_at = time.monotonic()

    def _facts(self, worker: Any) -> dict[str, Any]:
        active = list(state.active_requests)
        # Reserved requests may start now: neither an eta nor a rate limit delays them.
        waiting = [request for request in list(state.reserved_requests) if request not in active]
        accepted = sum(state.total_count.values())
        processes = int(getattr(worker.pool, "num_processes", 0) or worker.concurrency or 1)
        started = [request.time_start for request in active if request.time_start]
        due = [due_at(request.request_dict) for request in [*active, *waiting]]
        return {
            "active": len(active),
            "waiting": len(waiting),
            "scheduled": len(state.scheduled_requests),  # type: ignore[attr-defined]  # newer than the stubs
            "held": len(held_requests),
            **_known_tasks(),
            "accepted": accepted,
            "processes": processes,
            "idle_while_waiting_seconds": self._idle_while_waiting(waiting, active, accepted, processes),
            "longest_task_seconds": _age(started),
            "oldest_task_seconds": _age([moment for moment in due if moment]),
            "queues": _queues(worker),
            **{name: fact() for name, fact in extra_facts.items()},
        }

    def _idle_while_waiting(self, waiting: list[Any], active: list[Any], accepted: int, processes: int) -> float:
        """Return for how many seconds tasks have waited for a pool that has room but starts none."""
        now = time.monotonic()
        is_idle = bool(waiting) and len(active) < processes and accepted == self._accepted
        self._accepted = accepted
        if not is_idle:
            self._waiting_since = None
            return 0.0
        if self._waiting_since is None:
            self._waiting_since = now
        return round(now - self._waiting_since, 1)


def due_at(headers: Any) -> float:
    """Return when the task of a message became due, in seconds since the epoch; 0 if the headers do not state it.

    A task with an eta, a countdown or a retry delay is due when that is over, not when it was queued.

    Args:
        headers: Headers of the message, or a task's request: any object with their ``get``.
    """
    queued = _number(headers.get(QUEUED_AT_HEADER))
    return max(queued, _moment(headers.get("eta"))) if queued else 0.0


def _number(value: Any) -> float:
    try:
        number = float(value or 0.0)
    except (TypeError, ValueError):
        return 0.0
    return number if 0.0 < number < math.inf else 0.0


def _moment(eta: Any) -> float:
    if not eta:
        return 0.0
    try:
        moment = eta if isinstance(eta, datetime) else datetime.fromisoformat(str(eta))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (OverflowError, ValueError):
        return 0.0


def _age(moments: list[float]) -> float:
    return round(max(0.0, time.time() - min(moments)), 1) if moments else 0.0


def _known_tasks() -> dict[str, Any]:
    """Return the root ids of all tasks of this worker, and whether there were too many to list."""
    known = [*list(state.requests.values()), *list(held_requests)]
    roots = {str(request.root_id or request.id) for request in known[:TASKS_MAX]}
    return {"tasks": sorted(roots), "tasks_cut": len(known) > TASKS_MAX}


def _queues(worker: Any) -> list[str]:
    consumer = getattr(getattr(worker, "consumer", None), "task_consumer", None)
    # Before it has connected, a worker knows only its configured queues.
    names = worker.app.amqp.queues.consume_from if consumer is None else [queue.name for queue in consumer.queues]
    return sorted(names)
