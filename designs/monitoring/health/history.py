"""History of health results: the last ones of this process, and in Redis one day of changes and 60 single minutes.

All keys share the hash tag ``{health}``. While Redis is unavailable, changes are queued here. They are written with
their original time as soon as Redis answers again.
"""

from __future__ import annotations

import logging
import os
import re
import socket
import threading
import time
from collections import deque
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, cast

import redis
from django.conf import settings
from django.utils import timezone

from designs.monitoring.health.results import DEGRADED, HEALTHY, UNHEALTHY, Outcome
from designs.monitoring.timestamps import iso_of_ms, iso_utc
from integrations.redis import FailFastRedis, RedisUnavailable, Script, redis_for

__all__ = ["STRIP_MINUTES", "History"]

_NOTE_HEALTH = Script("designs.monitoring.health", "note_health")

logger = logging.getLogger("enginel.health")

STRIP_MINUTES = 60

_KEEP_SECONDS = 86_400
_REPEAT_SECONDS = 5.0
_KNOWN_SECONDS = 60.0
_WAITING_MAX = 512
_PREFIX = "{health}"
_STATE_KEY, _TOTALS_KEY = f"{_PREFIX}state", f"{_PREFIX}totals"
_LEVELS = {HEALTHY: logging.INFO, DEGRADED: logging.WARNING, UNHEALTHY: logging.ERROR}


class History:
    """History of results. Thread-safe; a forked child starts with an empty one.

    Attributes:
        kind: Kind of this process, ``web``, ``beat`` or ``worker``.
    """

    kind = "web"

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Drop all state; a forked child must not use its parent's."""
        self._lock = threading.RLock()
        self._writing = threading.Lock()
        self._last: dict[str, Outcome] = {}
        self._since: dict[str, datetime] = {}
        self._told_at: dict[str, float] = {}
        self._waiting: deque[Outcome] = deque(maxlen=_WAITING_MAX)
        self._down_elsewhere: frozenset[str] = frozenset()
        self._down_elsewhere_at = self._refreshed_at = float("-inf")

    def observer(self) -> str:
        """Return this process's name as an observer: kind, host and process id."""
        host = re.sub(r"[^\w.-]", "-", socket.gethostname())
        return f"{self.kind}@{host}/{os.getpid()}"

    @property
    def redis(self) -> FailFastRedis:
        return redis_for(settings.REDIS_URL)

    def note(self, outcome: Outcome) -> None:
        """Record an outcome in memory and log a change. Sends no request."""
        with self._lock:
            previous = self._last.get(outcome.component)
            self._last[outcome.component] = outcome
            is_change = previous is None or previous.status != outcome.status
            is_due = time.monotonic() - self._told_at.get(outcome.component, float("-inf")) >= _REPEAT_SECONDS
            if is_change:
                self._since[outcome.component] = outcome.at
            if is_change or is_due:
                self._told_at[outcome.component] = time.monotonic()
                self._waiting.append(outcome)
        if is_change:
            _log(outcome, previous.status if previous else HEALTHY)

    def since(self, outcome: Outcome, known: Mapping[str, str]) -> str:
        """Return the time of a component's last change to this status: from the history, else from this process."""
        if known.get("status") == outcome.status and "since" in known:
            return known["since"]
        return iso_utc(self._since.get(outcome.component, outcome.at))

    def components_down(self) -> list[str]:
        """Return the components that any process found unhealthy within the last minute. Sends no request."""
        if not self._last and not self._down_elsewhere:
            return []
        oldest = time.monotonic() - _KNOWN_SECONDS
        fresh = {name: outcome for name, outcome in list(self._last.items()) if outcome.found_at > oldest}
        down = {name for name, outcome in fresh.items() if outcome.status == UNHEALTHY}
        elsewhere = self._down_elsewhere if self._down_elsewhere_at > oldest else frozenset()
        return sorted(down | (elsewhere - fresh.keys()))

    def is_refresh_due(self, seconds: float) -> bool:
        """Return whether to read the results of other processes now: True once per interval, never for 0 seconds."""
        now = time.monotonic()
        if seconds <= 0 or now - self._refreshed_at < seconds:
            return False
        self._refreshed_at = now
        return True

    def refresh(self) -> None:
        """Read the results of other processes: no probe asks a worker, so a worker runs no checks itself."""
        oldest = iso_utc(timezone.now() - timedelta(seconds=_KNOWN_SECONDS))
        known = self.last_known().items()
        self._down_elsewhere = frozenset(
            name for name, found in known if found.get("status") == UNHEALTHY and found.get("at", "") > oldest
        )
        self._down_elsewhere_at = time.monotonic()

    def settle(self) -> None:
        """Write the queued outcomes to Redis; without Redis, keep at most 512 of them and drop the oldest first."""
        if not self._waiting or not self._writing.acquire(blocking=False):
            return
        try:
            while rows := list(self._waiting):
                try:
                    self._write(rows)
                except RedisUnavailable:
                    return
                with self._lock:
                    # Meanwhile, outcomes may have been added and the oldest may have been dropped.
                    written = set(map(id, rows))
                    kept = [outcome for outcome in self._waiting if id(outcome) not in written]
                    self._waiting = deque(kept, maxlen=_WAITING_MAX)
        finally:
            self._writing.release()

    def _write(self, rows: list[Outcome]) -> None:
        keys = [_STATE_KEY, _TOTALS_KEY]
        args = [str(_KEEP_SECONDS), str(STRIP_MINUTES), self.observer(), str(int(_KNOWN_SECONDS))]
        for row in rows:
            keys += [_changes_key(row.component), _minutes_key(row.component), f"{_PREFIX}found:{row.component}"]
            args += [row.component, row.status, row.message, str(int(row.at.timestamp() * 1000))]
        self.redis.script(_NOTE_HEALTH, keys, args)

    def last_known(self) -> dict[str, dict[str, str]]:
        """Return ``{component: {"status", "since", "message", "by", "at"}}``; empty while Redis is unavailable."""
        known: dict[str, dict[str, str]] = {}
        for field, value in self._read(lambda client: client.hgetall(_STATE_KEY), {}).items():
            name, _, what = field.decode().rpartition(":")
            text = value.decode()
            known.setdefault(name, {})[what] = iso_of_ms(int(text)) if what in {"since", "at"} else text
        return known

    def changes(self, component: str) -> list[dict[str, str]]:
        """Return a component's changes of one day, oldest first; empty while Redis is unavailable."""
        oldest = timezone.now().timestamp() * 1000 - _KEEP_SECONDS * 1000
        found = self._read(lambda client: client.zrangebyscore(_changes_key(component), oldest, "+inf"), [])
        return [{"at": change["at"], "status": change["status"]} for change in map(_change, found)]

    def transitions(self, components: list[str]) -> list[dict[str, str]]:
        """Return the changes of one day of these components, newest first; see `HealthChecker.transitions`.

        Raises:
            RedisUnavailable: Redis does not answer.
        """
        oldest = timezone.now().timestamp() * 1000 - _KEEP_SECONDS * 1000

        def read(client: redis.Redis) -> list[list[bytes]]:
            pipe = client.pipeline(transaction=False)
            for name in components:
                pipe.zrangebyscore(_changes_key(name), oldest, "+inf")
            return cast("list[list[bytes]]", pipe.execute())

        found: list[dict[str, str]] = []
        for name, members in zip(components, self.redis.run(read), strict=True):
            before = ""
            for change in map(_change, members):
                found.append({"component": name, **change, "previous": change.get("previous", before)})
                before = change["status"]
        # The first result of a component is no change.
        return sorted((row for row in found if row["previous"]), key=lambda row: row["at"], reverse=True)

    def totals(self) -> dict[str, int]:
        """Return the number of changes, by ``component:status``; empty while Redis is unavailable."""
        found = self._read(lambda client: client.hgetall(_TOTALS_KEY), {})
        return {field.decode(): int(count) for field, count in found.items()}

    def strips(self, components: list[str]) -> dict[str, list[str]]:
        """Return each component's worst status in each of the last 60 minutes, oldest first; "" if unknown.

        Raises:
            RedisUnavailable: Redis does not answer.
        """

        def read(client: redis.Redis) -> list[dict[bytes, bytes]]:
            pipe = client.pipeline(transaction=False)
            for name in components:
                pipe.hgetall(_minutes_key(name))
            return cast("list[dict[bytes, bytes]]", pipe.execute())

        now = int(timezone.now().timestamp() // 60)
        minutes = [str(minute).encode() for minute in range(now - STRIP_MINUTES + 1, now + 1)]
        found = self.redis.run(read)
        return {
            name: [by_minute.get(minute, b"").decode() for minute in minutes]
            for name, by_minute in zip(components, found, strict=True)
        }

    def _read(self, command: Any, default: Any) -> Any:
        try:
            return self.redis.run(command)
        except RedisUnavailable:
            return default


def _log(outcome: Outcome, previous: str) -> None:
    if outcome.status == previous:
        return
    facts = {"component": outcome.component, "status": outcome.status, "previous": previous, "detail": outcome.detail}
    logger.log(_LEVELS[outcome.status], "%s is %s: %s", outcome.component, outcome.status, outcome.message, extra=facts)


def _changes_key(component: str) -> str:
    return f"{_PREFIX}changes:{component}"


def _minutes_key(component: str) -> str:
    return f"{_PREFIX}minutes:{component}"


def _change(member: bytes) -> dict[str, str]:
    """Return a stored change; ``previous`` is "" for a first result, and missing if an older release stored it."""
    at, status, *rest = member.decode().split(":", 4)
    known = {"previous": rest[0], "by": rest[1], "message": rest[2]} if len(rest) == 3 else {"by": "", "message": ""}
    return {"at": iso_of_ms(int(at)), "status": status, **known}
