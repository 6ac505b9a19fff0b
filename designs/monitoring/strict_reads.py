"""Reads that raise `StoreAway` where the public API returns an empty value: unknown is not empty."""

from __future__ import annotations

from typing import Any

from designs.conf import conf
from designs.monitoring.errors.store import error_store
from designs.monitoring.metrics.collector import Families, families_now
from designs.monitoring.metrics.performance import operations_of, requests_of, tasks_of
from designs.monitoring.store_away import StoreAway
from integrations.redis import RedisUnavailable

__all__ = [
    "known_errors",
    "known_families",
    "known_group",
    "known_groups",
    "known_key",
    "known_operations",
    "known_requests",
    "known_tasks",
]


def known_errors(limit: int) -> list[dict[str, Any]]:
    """Return the newest records, see `ErrorTracker.get_recent_errors`.

    Raises:
        StoreAway: Redis does not answer. `ErrorTracker.get_recent_errors` then returns the backlog of this process.
    """
    try:
        return error_store.read_recent(min(limit, conf.ring_size))
    except RedisUnavailable as error:
        raise StoreAway(str(error)) from error


def known_groups(limit: int | None = None) -> list[dict[str, Any]]:
    """Return groups, see `ErrorTracker.get_groups`.

    Raises:
        StoreAway: Redis does not answer.
    """
    try:
        return error_store.groups(limit)
    except RedisUnavailable as error:
        raise StoreAway(str(error)) from error


def known_group(key: str) -> dict[str, Any] | None:
    """Return a group in full, None if it is unknown; see `ErrorTracker.get_group`.

    Raises:
        StoreAway: Redis does not answer.
    """
    try:
        return error_store.group(key)
    except RedisUnavailable as error:
        raise StoreAway(str(error)) from error


def known_key(key: str) -> str:
    """Return the key of the group that counts the occurrences of a key; it differs if the group was joined.

    Raises:
        StoreAway: Redis does not answer.
    """
    try:
        return error_store.key_of_group(key)
    except RedisUnavailable as error:
        raise StoreAway(str(error)) from error


def known_operations() -> dict[str, dict[str, Any]]:
    """Return the result of `PerformanceMonitor.get_all_operation_stats`.

    Raises:
        StoreAway: Redis does not answer.
    """
    return operations_of(known_families())


def known_requests() -> dict[str, dict[str, Any]]:
    """Return the result of `PerformanceMonitor.get_request_stats`.

    Raises:
        StoreAway: Redis does not answer.
    """
    return requests_of(known_families())


def known_tasks() -> dict[str, dict[str, Any]]:
    """Return the result of `PerformanceMonitor.get_task_stats`.

    Raises:
        StoreAway: Redis does not answer.
    """
    return tasks_of(known_families())


def known_families() -> Families:
    """Return the measurements of all processes.

    Raises:
        StoreAway: Redis does not answer.
    """
    families = families_now()
    if not families.is_known:
        raise StoreAway("the measurements cannot be read")
    return families
