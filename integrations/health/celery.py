"""Health checks of Celery: workers take and finish tasks, and beat queues the tasks that are due."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import redis
from celery import Celery
from health_check.exceptions import ServiceUnavailable, ServiceWarning

from integrations.celery.heartbeats import BEATS_KEY, WORKERS_KEY, Heartbeat, due_at, read_beats
from integrations.health.plugin import Plugin
from integrations.redis import FailFastRedis, RedisUnavailable

__all__ = ["Beat", "CeleryWorkers", "broker_redis_url"]

_EAGER = "tasks run in process"
_PRIORITIES = ("", "\x06\x163", "\x06\x166", "\x06\x169")
_STALLED_SECONDS = 10.0
_OVERTIME_SECONDS = 30.0
# Number of oldest messages read of each queue: the oldest one may wait for its eta and hide a late one.
_OLDEST = 20


@dataclasses.dataclass
class CeleryWorkers(Plugin):
    """Checks that workers are alive, take from every queue, and process the tasks that they took.

    Args:
        app: The Celery application.
        store: Redis with the heartbeats of workers.
        broker: The broker's Redis; None for another kind of broker, whose queues are not checked.
        max_depth: More waiting and unfinished tasks than this are a warning.
        max_age_seconds: An older unfinished task is a warning.
    """

    app: Celery = dataclasses.field(repr=False)
    store: FailFastRedis = dataclasses.field(repr=False)
    broker: FailFastRedis | None = dataclasses.field(default=None, repr=False)
    max_depth: int = dataclasses.field(default=1_000, repr=False)
    max_age_seconds: float = dataclasses.field(default=900.0, repr=False)

    def run(self) -> None:
        """Raise `ServiceUnavailable` when tasks are not processed, `ServiceWarning` when they may soon not be."""
        if self.app.conf.task_always_eager:
            self.message = _EAGER
            self.facts["workers"] = []
            return
        beats = _read(self.store, WORKERS_KEY)
        live = sorted((beat for beat in beats if beat.is_live()), key=lambda beat: beat.name)
        # The public sees the number of workers. Their host names, in the same order, are for admins.
        self.facts["workers"] = [f"celery@worker{number}" for number, _ in enumerate(live, 1)]
        self.private_facts["worker_names"] = [beat.name for beat in live]
        self._measure_queues(live)
        self._raise_for_workers(live, len(beats) - len(live))
        self.message = f"{len(live)} worker(s) active"

    def _measure_queues(self, live: list[Heartbeat]) -> None:
        """Set the numbers of waiting and unfinished tasks, and the age of the oldest."""
        ages = [beat.facts.get("oldest_task_seconds", 0.0) for beat in live]
        # Workers know the tasks that were acknowledged at their start; the broker knows those that wait for their eta.
        held = sum(beat.facts.get("active", 0) + beat.facts.get("waiting", 0) for beat in live)
        waiting, unacknowledged = 0, 0
        if self.broker is not None:
            try:
                depth = self.broker.run(lambda client: _depth(client, sorted(self.app.amqp.queues)))
            except RedisUnavailable as error:
                raise ServiceUnavailable("the broker does not answer") from error
            waiting, unacknowledged = depth.waiting, depth.unacknowledged
            # Rate-limited tasks wait on purpose, and only their worker knows which tasks those are.
            if not any(beat.facts.get("held") for beat in live):
                ages += [depth.waiting_seconds, depth.unacknowledged_seconds]
        self.facts.update(
            waiting=waiting, unfinished=max(held, unacknowledged), oldest_seconds=round(max([0.0, *ages]), 1)
        )

    def _raise_for_workers(self, live: list[Heartbeat], lost: int) -> None:
        if not live:
            raise ServiceUnavailable("no worker is alive")
        taken = {queue for beat in live for queue in beat.facts.get("queues", ())}
        untaken = [queue for queue in self.app.amqp.queues if queue not in taken]
        if untaken and all("queues" in beat.facts for beat in live):
            self.private_facts["queues_without_worker"] = untaken
            raise ServiceUnavailable(f"nobody takes from {len(untaken)} of {len(self.app.amqp.queues)} queues")
        stalled = [beat for beat in live if beat.facts.get("idle_while_waiting_seconds", 0.0) > _STALLED_SECONDS]
        if len(stalled) == len(live):
            raise ServiceUnavailable("no worker starts what it took")
        if lost:
            raise ServiceWarning(f"{lost} of {len(live) + lost} workers are lost")
        if stalled:
            raise ServiceWarning(f"{len(stalled)} of {len(live)} workers start nothing of what they took")
        self._raise_for_queues(live)

    def _raise_for_queues(self, live: list[Heartbeat]) -> None:
        limit = float(self.app.conf.task_time_limit or self.max_age_seconds) + _OVERTIME_SECONDS
        if stuck := sum(beat.facts.get("longest_task_seconds", 0.0) > limit for beat in live):
            raise ServiceWarning(f"{stuck} workers are stuck in a task")
        depth, age = self.facts["waiting"] + self.facts["unfinished"], self.facts["oldest_seconds"]
        if depth > self.max_depth:
            raise ServiceWarning(f"{depth} tasks are unfinished")
        if age > self.max_age_seconds:
            raise ServiceWarning(f"the oldest task has been unfinished for {age:.0f} s")


@dataclasses.dataclass
class Beat(Plugin):
    """Checks that exactly one beat runs its schedule.

    Args:
        app: The Celery application.
        store: Redis with beat's heartbeat.
    """

    app: Celery = dataclasses.field(repr=False)
    store: FailFastRedis = dataclasses.field(repr=False)

    def run(self) -> None:
        """Raise `ServiceWarning` when it does not; due tasks wait until beat is back."""
        if self.app.conf.task_always_eager:
            self.message = _EAGER
            return
        try:
            beats = read_beats(self.store, BEATS_KEY)
        except RedisUnavailable as error:
            raise ServiceWarning("its heartbeat cannot be read") from error
        live = [beat for beat in beats if beat.is_live()]
        if not live:
            raise ServiceWarning("is not running")
        if len(live) > 1:
            raise ServiceWarning(f"runs {len(live)} times: what is due is queued as often")
        self.message = "runs"


def broker_redis_url(broker_url: str) -> str:
    """Return the URL of Celery's broker for a Redis client; empty for a broker of another kind."""
    scheme, _, rest = broker_url.partition("://")
    if scheme in {"redis", "rediss", "unix"}:
        return broker_url
    if scheme != "redis+socket":
        return ""
    path, _, query = rest.partition("?")
    options = [option.replace("virtual_host=", "db=", 1) for option in query.split("&") if option]
    return f"unix://{path}" + (f"?{'&'.join(options)}" if options else "")


def _read(store: FailFastRedis, key: str) -> list[Heartbeat]:
    try:
        return read_beats(store, key)
    except RedisUnavailable as error:
        raise ServiceUnavailable("the workers' heartbeats cannot be read") from error


class _Depth(NamedTuple):
    """Tasks at the broker: number waiting, number delivered but not acknowledged, and the ages of the oldest."""

    waiting: int
    unacknowledged: int
    waiting_seconds: float
    unacknowledged_seconds: float


def _depth(client: redis.Redis, queues: Iterable[str]) -> _Depth:
    """Count the tasks at the broker. A task ages from the time it was due, so it is not late before its eta."""
    pipe = client.pipeline(transaction=False)
    for name in (queue + priority for queue in queues for priority in _PRIORITIES):
        pipe.llen(name)
        pipe.lrange(name, -_OLDEST, -1)
    pipe.hlen("unacked")
    pipe.zrange("unacked_index", 0, _OLDEST - 1, withscores=True)
    *ends, unacknowledged, delivered = pipe.execute()
    messages = client.hmget("unacked", [tag for tag, _ in delivered]) if delivered else []
    now = time.time()
    waits = [due for end in ends[1::2] for message in end if (due := due_at(_headers(message)))]
    starts = [
        max(float(score), due_at(_headers(message, delivered=True)))
        for (_, score), message in zip(delivered, messages, strict=True)
    ]
    return _Depth(sum(ends[0::2]), unacknowledged, now - min(waits, default=now), now - min(starts, default=now))


def _headers(message: Any, *, delivered: bool = False) -> Mapping[str, Any]:
    """Return the headers of a message; the broker stores a delivered one with its exchange and routing key."""
    try:
        found = json.loads(message)
        headers = (found[0] if delivered else found)["headers"]
    except (IndexError, KeyError, TypeError, ValueError):
        return {}
    return headers if isinstance(headers, Mapping) else {}
