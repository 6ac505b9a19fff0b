"""Flusher: sends a process's measurements to Redis, once a second in a daemon thread and once at process exit.

A batch without an answer is kept unchanged, with its sequence number, and sent again: the store adds each number once.
New measurements wait for the next batch; their memory is bounded by the number of series.
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
    """Sends the registry's measurements to Redis. One per process. Thread-safe."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.reset()

    def reset(self) -> None:
        """Reset to the state of a new process: a new token, no batches in flight, no thread."""
        self.token = secrets.token_hex(8)
        self._lock = threading.RLock()
        self._thread_lock = threading.RLock()
        self._flushing_thread = 0
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._in_flight: dict[str, Batch] = {}
        self._sequences: dict[str, int] = {}
        self.failures = 0
        self.flushed_at = 0.0

    @property
    def redis(self) -> FailFastRedis:
        return redis_for(settings.REDIS_URL)

    def wake(self) -> None:
        """Ensure that the thread runs, unless the settings disable it."""
        if self._thread is not None or conf.metrics_flush_seconds <= 0:
            return
        with self._thread_lock:
            self._thread = self._thread or self._start_thread()

    def _start_thread(self) -> threading.Thread | None:
        thread = threading.Thread(target=self._run, name="enginel-metrics", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            # No more threads can start, or the interpreter is shutting down.
            return None
        return thread

    def flush(self) -> bool:
        """Send all measurements; return whether Redis accepted them all."""
        if self._flushing_thread == threading.get_ident():
            # Called by a signal handler or a finalizer that interrupts the flush of this thread.
            return False
        # With a timeout: the interrupted code of this thread may hold a lock that the flushing thread waits for.
        if not self._lock.acquire(timeout=_PATIENCE_SECONDS):
            return False
        try:
            self._flushing_thread = threading.get_ident()
            try:
                for family in (*HISTOGRAMS, COUNTERS):
                    # Twice if a batch was in flight: that batch, and the measurements since.
                    while self._send(family):
                        pass
            except RedisUnavailable:
                self.failures += 1
                self.registry.count("self", ("flush_errors",), 1)
                return False
            finally:
                self._flushing_thread = 0
            self.flushed_at = time.time()
            return True
        finally:
            self._lock.release()

    def close(self, seconds: float = _CLOSE_SECONDS) -> None:
        """Flush before the process ends; retry for at most ``seconds``."""
        self._stopped.set()
        deadline = time.monotonic() + seconds
        while not self.flush() and time.monotonic() < deadline:
            self.redis.close_breaker()
            time.sleep(_FIRST_RETRY_SECONDS)

    def _send(self, family: str) -> bool:
        """Send the batch in flight, else a new one; return whether a batch was in flight."""
        batch = self._in_flight.get(family)
        was_in_flight = batch is not None
        if batch is None:
            batch = self.registry.take(family)
            if not batch:
                return False
            self._in_flight[family] = batch
            self._sequences[family] = self._sequences.get(family, 0) + 1
        try:
            merge(self.redis, family, batch, token=self.token, sequence=self._sequences[family])
        except (TypeError, ValueError):
            # A batch that cannot be serialized is dropped: it must not block later batches.
            del self._in_flight[family]
            self.registry.count("self", ("flush_errors",), 1)
            raise
        del self._in_flight[family]
        return was_in_flight

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
