"""Handing over what a process measured: a daemon thread once a second, and once more before the process ends.

A batch that got no answer stays as it is, with its number, until it has one: the store adds a number once. What comes
meanwhile waits for the next batch, in as much memory as there are series.
"""

from __future__ import annotations

import secrets
import threading
import time

from django.conf import settings

from designs.conf import conf
from designs.monitoring.guard import guarded
from designs.monitoring.metrics.metric_store import COUNTERS, HISTOGRAMS, merge
from designs.monitoring.metrics.registry import Batch, Registry
from integrations.redis import FailFastRedis, RedisUnavailable, redis_for

__all__ = ["Flusher", "flusher", "registry"]

_FIRST_RETRY_SECONDS = 0.05
_CLOSE_SECONDS = 1.0
_PATIENCE_SECONDS = 2.0


class Flusher:
    """One for each process. Thread-safe."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.reset()

    def reset(self) -> None:
        """Be another process: a new token, nothing on its way, no thread."""
        self.token = secrets.token_hex(8)
        self._lock = threading.RLock()
        self._thread_lock = threading.RLock()
        self._at_it = 0
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._on_its_way: dict[str, Batch] = {}
        self._sequences: dict[str, int] = {}
        self.failures = 0
        self.flushed_at = 0.0

    @property
    def redis(self) -> FailFastRedis:
        return redis_for(settings.REDIS_URL)

    def wake(self) -> None:
        """See to it that the thread runs, unless the settings want none."""
        if self._thread is not None or conf.metrics_flush_seconds <= 0:
            return
        with self._thread_lock:
            self._thread = self._thread or self._started()

    def _started(self) -> threading.Thread | None:
        thread = threading.Thread(target=self._run, name="enginel-metrics", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            # No room for a thread, or the interpreter is ending.
            return None
        return thread

    def flush(self) -> bool:
        """Hand over everything; return whether Redis took it all."""
        if self._at_it == threading.get_ident():
            # By a signal handler or a finalizer, in the middle of handing over.
            return False
        # Never for good: who is interrupted here may hold a lock that the flushing thread waits for.
        if not self._lock.acquire(timeout=_PATIENCE_SECONDS):
            return False
        try:
            self._at_it = threading.get_ident()
            try:
                for family in (*HISTOGRAMS, COUNTERS):
                    # Twice where one was on its way: it, and what came since.
                    while self._hand_over(family):
                        pass
            except RedisUnavailable:
                self.failures += 1
                self.registry.count("self", ("flush_errors",), 1)
                return False
            finally:
                self._at_it = 0
            self.flushed_at = time.time()
            return True
        finally:
            self._lock.release()

    def close(self, seconds: float = _CLOSE_SECONDS) -> None:
        """Hand over before the process ends, trying for ``seconds`` at most."""
        self._stopped.set()
        deadline = time.monotonic() + seconds
        while not self.flush() and time.monotonic() < deadline:
            self.redis.close_breaker()
            time.sleep(_FIRST_RETRY_SECONDS)

    def _hand_over(self, family: str) -> bool:
        batch = self._on_its_way.get(family)
        was_on_its_way = batch is not None
        if batch is None:
            batch = self.registry.take(family)
            if not batch:
                return False
            self._on_its_way[family] = batch
            self._sequences[family] = self._sequences.get(family, 0) + 1
        try:
            merge(self.redis, family, batch, token=self.token, sequence=self._sequences[family])
        except (TypeError, ValueError):
            # What cannot be written down never will be, and must not stay in the way of what comes.
            del self._on_its_way[family]
            self.registry.count("self", ("flush_errors",), 1)
            raise
        del self._on_its_way[family]
        return was_on_its_way

    def _run(self) -> None:
        wait = conf.metrics_flush_seconds
        while not self._stopped.wait(wait):
            wait = conf.metrics_flush_seconds or 1.0
            with guarded("metrics_flush"):
                if not self.flush():
                    wait = min(_FIRST_RETRY_SECONDS * 2 ** min(self.failures, 10), wait)
                    continue
                self.failures = 0


registry = Registry()
flusher = Flusher(registry)
registry.on_first = flusher.wake
