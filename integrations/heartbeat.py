"""Heartbeats of workers and beat: each tells Redis every two seconds that it lives, and how its work goes.

``control.ping`` waits its whole timeout, blocks for good where ten probes call it at once, and says nothing of the
pool. A sorted set by the server's time costs a tenth of a millisecond to read.

A worker beats from its own event loop, so one that is frozen, or has lost the broker and takes no tasks, falls silent.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import redis
from celery import bootsteps
from celery.worker import state
from django.conf import settings

from integrations.redis import FailFastRedis, RedisUnavailable

__all__ = [
    "BEATS_KEY",
    "BEAT_SECONDS",
    "LIVE_SECONDS",
    "QUEUED_AT_HEADER",
    "WORKERS_KEY",
    "Heartbeat",
    "WorkerHeartbeat",
    "live_workers",
    "queued_at",
    "read_beats",
    "tell",
    "untell",
]

logger = logging.getLogger("enginel.health")

WORKERS_KEY = "{health}workers"
BEATS_KEY = "{health}beats"

QUEUED_AT_HEADER = "enginel_queued_at"
"""Name of the message header that tells when a task was queued, in seconds since the epoch."""

BEAT_SECONDS = 2.0
LIVE_SECONDS = 3 * BEAT_SECONDS
FORGET_SECONDS = 600
"""How long a silent process is missed before it is forgotten: ten minutes."""

_TICK_SECONDS = 0.5
_TIMEOUT_SECONDS = 0.25


class Heartbeat(NamedTuple):
    """The last word of a process.

    Attributes:
        name: Its node name.
        age_seconds: Since it was told, by the server's clock.
        facts: What it said.
    """

    name: str
    age_seconds: float
    facts: Mapping[str, Any]

    def is_live(self, within_seconds: float = LIVE_SECONDS) -> bool:
        return self.age_seconds <= within_seconds


def tell(gateway: FailFastRedis, key: str, name: str, facts: Mapping[str, Any]) -> bool:
    """Tell that a process lives; False when Redis could not be told. Never raises what Redis raises."""
    try:
        gateway.script("beat", [key, f"{key}:facts"], [name, json.dumps(dict(facts)), FORGET_SECONDS])
    except (RedisUnavailable, redis.RedisError):
        return False
    return True


def untell(gateway: FailFastRedis, key: str, name: str) -> None:
    """Take a process off the list: it ends as it should and is not to be missed."""
    try:
        gateway.run(lambda client: client.zrem(key, name))
        gateway.run(lambda client: client.hdel(f"{key}:facts", name))
    except (RedisUnavailable, redis.RedisError):
        logger.info("Redis could not be told that %s ends", name)


def read_beats(gateway: FailFastRedis, key: str = WORKERS_KEY) -> list[Heartbeat]:
    """Return the last word of every process of the last ten minutes that did not end as it should.

    Raises:
        RedisUnavailable: Redis does not answer.
    """
    rows = gateway.script("read_beats", [key, f"{key}:facts"], [FORGET_SECONDS])
    return sorted(Heartbeat(name.decode(errors="replace"), float(age), json.loads(facts)) for name, age, facts in rows)


def live_workers(gateway: FailFastRedis) -> list[str]:
    """Return the node names of workers that are alive.

    Raises:
        RedisUnavailable: Redis does not answer.
    """
    return [beat.name for beat in read_beats(gateway) if beat.is_live()]


class WorkerHeartbeat(bootsteps.StartStopStep):
    """A worker's step that beats from the worker's own loop, through a connection of its own."""

    requires = ("celery.worker.components:Timer", "celery.worker.components:Pool")

    def __init__(self, worker: Any, **kwargs: Any) -> None:
        super().__init__(worker, **kwargs)
        self._entry: Any = None
        self._told_at = float("-inf")
        self._accepted = -1
        self._waiting_since: float | None = None

    def start(self, worker: Any) -> None:
        self._gateway = FailFastRedis(settings.REDIS_URL, timeout_seconds=_TIMEOUT_SECONDS, breaker_seconds=0)
        self.beat(worker)
        # More often than it beats: after an outage of Redis it is back at once.
        self._entry = worker.timer.call_repeatedly(_TICK_SECONDS, self._tick, (worker,))

    def stop(self, worker: Any) -> None:
        if self._entry is not None:
            self._entry.cancel()
            self._entry = None
            untell(self._gateway, WORKERS_KEY, worker.hostname)

    def terminate(self, worker: Any) -> None:
        self.stop(worker)

    def _tick(self, worker: Any) -> None:
        if time.monotonic() - self._told_at >= BEAT_SECONDS - _TICK_SECONDS / 2:
            self.beat(worker)

    def beat(self, worker: Any) -> None:
        """Tell that the worker lives; a failure is no matter of the worker's."""
        try:
            facts = self._facts(worker)
        except Exception:
            logger.exception("A worker could not tell how its work goes")
            facts = {}
        if tell(self._gateway, WORKERS_KEY, worker.hostname, facts):
            self._told_at = time.monotonic()

    def _facts(self, worker: Any) -> dict[str, Any]:
        active = list(state.active_requests)
        waiting = [request for request in list(state.reserved_requests) if request not in active and _is_due(request)]
        accepted = sum(state.total_count.values())
        processes = int(getattr(worker.pool, "num_processes", 0) or worker.concurrency or 1)
        started = [request.time_start for request in active if request.time_start]
        queued = [queued_at(request.request_dict) for request in [*active, *waiting] if request.eta is None]
        return {
            "active": len(active),
            "waiting": len(waiting),
            "scheduled": len(getattr(state, "scheduled_requests", ())),
            "accepted": accepted,
            "processes": processes,
            "idle_while_waiting_seconds": self._idle_while_waiting(waiting, active, accepted, processes),
            "longest_task_seconds": _age(started),
            "oldest_task_seconds": _age([moment for moment in queued if moment]),
            "queues": _queues(worker),
        }

    def _idle_while_waiting(self, waiting: list[Any], active: list[Any], accepted: int, processes: int) -> float:
        """Return for how long tasks have waited for a pool that has room for them and takes none."""
        now = time.monotonic()
        is_idle = bool(waiting) and len(active) < processes and accepted == self._accepted
        self._accepted = accepted
        if not is_idle:
            self._waiting_since = None
            return 0.0
        if self._waiting_since is None:
            self._waiting_since = now
        return round(now - self._waiting_since, 1)


def queued_at(headers: Mapping[str, Any]) -> float:
    """Return when a message with these headers was queued, in seconds since the epoch; 0 where it does not say."""
    try:
        return float(headers.get(QUEUED_AT_HEADER) or 0.0)
    except (TypeError, ValueError):
        return 0.0


def _age(moments: list[float]) -> float:
    return round(max(0.0, time.time() - min(moments)), 1) if moments else 0.0


def _queues(worker: Any) -> list[str]:
    consumer = getattr(getattr(worker, "consumer", None), "task_consumer", None)
    # Until it has connected, a worker knows only what it means to take from.
    names = worker.app.amqp.queues.consume_from if consumer is None else [queue.name for queue in consumer.queues]
    return sorted(names)


def _is_due(request: Any) -> bool:
    """Tell whether a reserved task could run now: not one with a countdown or a rate limit."""
    return request.eta is None and not getattr(request.task, "rate_limit", None)
