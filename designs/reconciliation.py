"""Detection of designs whose task was lost silently: the queue was purged, or a worker's whole host died.

No signal reports that, so beat compares the designs in work with the tasks of the broker and of live workers. A design
whose task is missing at every check for a minute becomes failed, and can be finalized again. If the broker, the workers
or Redis cannot be queried, nothing is decided.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import redis
from celery import current_app, shared_task
from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone

from designs.conf import conf
from designs.models import IN_WORK, Design
from designs.tasks import STEPS, mark_interrupted, processing_lost
from integrations.celery.broker import BrokerQueues, Undecided, tasks_at_workers, tasks_in_queues
from integrations.celery.heartbeats import LIVE_SECONDS
from integrations.health import broker_redis_url
from integrations.redis import FailFastRedis, RedisUnavailable, redis_for

__all__ = ["fail_lost_designs"]

logger = logging.getLogger(__name__)

_MISSING_KEY = "enginel:{designs}:missing"
_KEPT_SECONDS = 3_600
# Designs compared with the broker at one check, the longest in work first.
_DESIGNS_MAX = 1_000


@shared_task(name="designs.fail_lost_designs", ignore_result=True)
def fail_lost_designs() -> int:
    """Fail the designs in work whose task has been missing for a while; return how many."""
    broker_url = broker_redis_url(settings.CELERY_BROKER_URL)
    if current_app.conf.task_always_eager or not broker_url:
        return 0
    store = redis_for(settings.REDIS_URL)
    try:
        missing = _missing(store, redis_for(broker_url))
        since = _missing_since(store, missing)
    except Undecided as reason:
        logger.info("Lost designs cannot be determined: %s", reason)
        return 0
    except (DatabaseError, RedisUnavailable):
        # An outage has its own records and alarms; the next check follows in ten seconds.
        return 0
    # Not before the next heartbeat of a worker would list a task that it has just received.
    latest = timezone.now().timestamp() - max(conf.lost_design_seconds, LIVE_SECONDS)
    lost = [task_id for task_id, moment in since.items() if moment <= latest]
    return sum(_fail(task_id) for task_id in lost)


def _fail(task_id: str) -> int:
    failed = mark_interrupted(task_id, processing_lost())
    if failed:
        logger.warning("The task of a design was lost; the design can be finalized again", extra={"task_id": task_id})
    return failed


def _missing(store: FailFastRedis, broker: FailFastRedis) -> set[str]:
    """Return the tasks of designs in work that are neither in a queue nor at a live worker."""
    begun = timezone.now() - timedelta(seconds=LIVE_SECONDS)
    in_work = Design.objects.filter(status__in=IN_WORK, finalized_at__lte=begun).exclude(task_id="")
    wanted = set(in_work.order_by("finalized_at").values_list("task_id", flat=True)[:_DESIGNS_MAX])
    if not wanted:
        return wanted
    at_workers, queues = tasks_at_workers(store)
    if wanted <= at_workers:
        return set()
    router = current_app.amqp.router
    routed = {router.route({}, name)["queue"].name for name in STEPS}
    names = {*queues, *routed, *current_app.amqp.queues}
    options = current_app.conf.broker_transport_options or {}
    waiting = tasks_in_queues(broker, BrokerQueues(names, options), wanted - at_workers)
    # Workers may have taken tasks from their queue in the meantime.
    received, _ = tasks_at_workers(store)
    return wanted - at_workers - waiting - received


def _missing_since(store: FailFastRedis, missing: set[str]) -> Mapping[str, float]:
    """Return since when each of these tasks has been missing at every check, in seconds since the epoch."""
    now = timezone.now().timestamp()
    known: Mapping[Any, Any] = store.run(lambda client: client.hgetall(_MISSING_KEY))
    before = {task_id.decode(errors="replace"): float(moment) for task_id, moment in known.items()}
    since: dict[Any, Any] = {task_id: before.get(task_id, now) for task_id in missing}

    def write(client: redis.Redis) -> None:
        pipe = client.pipeline()
        pipe.delete(_MISSING_KEY)
        if since:
            pipe.hset(_MISSING_KEY, mapping=since)
            pipe.expire(_MISSING_KEY, _KEPT_SECONDS)
        pipe.execute()

    if since or before:
        store.run(write)
    return since
