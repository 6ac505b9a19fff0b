"""The page of /metrics, read from the store at most once a second in each process, whoever asks how often."""

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
    """A page in each form that is asked for, made when it is."""

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


class _Kept:
    """What this process read last."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.lock = threading.Lock()
        self.page: MetricsPage | None = None
        self.storage: Mapping[str, float] = _UNKNOWN_STORAGE
        self.storage_at = -math.inf


_kept = _Kept()


def metrics_page(storage: Storage) -> MetricsPage:
    """Return the page of now, or the one of a moment ago.

    Args:
        storage: Gives ``storage_used_gb`` and ``storage_quota_gb``; asked once a minute.

    Raises:
        StoreAway: Redis does not answer.
    """
    # Whoever comes while one reads waits for what it reads: a storm of scrapes is one read a second.
    with _kept.lock:
        now = time.monotonic()
        if _kept.page is None or now - _kept.page.read_at >= conf.metrics_cache_seconds:
            try:
                page = page_of(_read(storage, now))
            except RedisUnavailable as error:
                # Zeros would be counted as resets, and everything a second time afterwards.
                _kept.page = None
                raise StoreAway(str(error)) from error
            _kept.page = MetricsPage(page, now)
        return _kept.page


def reset() -> None:
    """Forget the page that was read, and replace the lock after a fork."""
    _kept.reset()


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
    """Return how many tasks wait for a worker; None where the broker is no Redis or does not answer."""
    url = broker_redis_url(settings.CELERY_BROKER_URL)
    if not url:
        return None
    queue = getattr(settings, "CELERY_TASK_DEFAULT_QUEUE", "celery")
    try:
        return redis_for(url).run(lambda client: client.llen(queue))
    except RedisUnavailable:
        return None


def _health() -> dict[str, str]:
    """Return the status of each component; one that no process checked lately is checked now."""
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


def _storage(ask: Storage, now: float) -> Mapping[str, float]:
    if now - _kept.storage_at >= _STORAGE_SECONDS:
        _kept.storage_at = now
        with guarded("metrics_page"):
            _kept.storage = ask() or _kept.storage
    return _kept.storage
