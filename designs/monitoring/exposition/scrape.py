"""The /metrics page of a process, read from Redis and cached for one second by default."""

from __future__ import annotations

import gzip
import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from django.conf import settings
from django.utils import timezone

from designs.conf import conf
from designs.monitoring.errors.store import error_store
from designs.monitoring.exposition.metrics_page import Scrape, page_of
from designs.monitoring.guard import guarded
from designs.monitoring.health import HealthChecker
from designs.monitoring.metrics import LE_BOUNDS_SECONDS, read_families
from designs.monitoring.store_away import StoreAway
from integrations.celery.heartbeats import live_workers
from integrations.health import broker_redis_url
from integrations.prometheus import Page
from integrations.redis import RedisUnavailable, redis_for
from integrations.sentry import delivery_status

__all__ = ["MetricsPage", "metrics_page"]

_STORAGE_SECONDS = 60.0
_GZIP_LEVEL = 3  # half the time of the default for a page 8 % larger

Storage = Callable[[], Mapping[str, float]]
_UNKNOWN_STORAGE = {"storage_used_gb": math.nan, "storage_quota_gb": math.nan}


@dataclass(frozen=True)
class MetricsPage:
    """A page in all its formats; each is created on first use."""

    page: Page
    read_at: float

    @cached_property
    def _text(self) -> bytes:
        return self.page.text()

    @cached_property
    def _openmetrics(self) -> bytes:
        return self.page.openmetrics()

    @cached_property
    def _text_gzip(self) -> bytes:
        return gzip.compress(self._text, _GZIP_LEVEL)

    @cached_property
    def _openmetrics_gzip(self) -> bytes:
        return gzip.compress(self._openmetrics, _GZIP_LEVEL)

    def body(self, *, openmetrics: bool, compressed: bool) -> bytes:
        if openmetrics:
            return self._openmetrics_gzip if compressed else self._openmetrics
        return self._text_gzip if compressed else self._text


class _Cache:
    """The last page and storage values of this process."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.lock = threading.Lock()
        self.page: MetricsPage | None = None
        self.storage: Mapping[str, float] = _UNKNOWN_STORAGE
        self.storage_at = -math.inf


_cache = _Cache()


def metrics_page(storage: Storage) -> MetricsPage:
    """Return the current page, which may come from the cache.

    Args:
        storage: Returns ``storage_used_gb`` and ``storage_quota_gb``; called at most once a minute.

    Raises:
        StoreAway: Redis does not answer.
    """
    # Concurrent scrapes wait for the running read and share its page: a storm of scrapes causes one read a second.
    with _cache.lock:
        now = time.monotonic()
        if _cache.page is None or now - _cache.page.read_at >= conf.metrics_cache_seconds:
            try:
                page = page_of(_read(storage, now))
            except RedisUnavailable as error:
                # Prometheus would count zeros as a reset, and all values again afterwards.
                _cache.page = None
                raise StoreAway(str(error)) from error
            _cache.page = MetricsPage(page, now)
        return _cache.page


def reset() -> None:
    """Discard the cached page, and replace the lock after a fork."""
    _cache.reset()


def _read(storage: Storage, now: float) -> Scrape:
    redis = redis_for(settings.REDIS_URL)
    families = read_families(redis, percentiles=False)
    return Scrape(
        families=families,
        bounds=LE_BOUNDS_SECONDS,
        flush_age_seconds=families.age_seconds,
        workers=len(live_workers(redis)),
        queue_depth=_queue_depth(),
        totals=error_store.totals(),
        health=_health(),
        delivery=delivery_status(),
        storage=_storage(storage, now),
        release=conf.release,
    )


def _queue_depth() -> int | None:
    """Return the number of queued tasks; None if the broker is not Redis or does not answer."""
    url = broker_redis_url(settings.CELERY_BROKER_URL)
    if not url:
        return None
    queue = getattr(settings, "CELERY_TASK_DEFAULT_QUEUE", "celery")
    try:
        return redis_for(url).run(lambda client: client.llen(queue))
    except RedisUnavailable:
        return None


def _health() -> dict[str, str]:
    """Return the status of each component; components that no process checked recently are checked now."""
    known = HealthChecker.last_known()
    found = {name: facts.get("status", "") for name, facts in known.items()}
    if not conf.metrics_health_seconds:
        return found
    oldest = timezone.now() - timedelta(seconds=conf.metrics_health_seconds)
    stale = [
        name
        for name in HealthChecker.components()
        if "at" not in known.get(name, {}) or datetime.fromisoformat(known[name]["at"]) < oldest
    ]
    for name in stale:
        found.pop(name, None)
    if stale:
        with guarded("metrics_page"):
            found |= {name: outcome.status for name, outcome in HealthChecker.report(stale).outcomes.items()}
    return {name: found[name] for name in HealthChecker.components() if name in found}


def _storage(read: Storage, now: float) -> Mapping[str, float]:
    if now - _cache.storage_at >= _STORAGE_SECONDS:
        _cache.storage_at = now
        with guarded("metrics_page"):
            _cache.storage = read() or _cache.storage
    return _cache.storage
