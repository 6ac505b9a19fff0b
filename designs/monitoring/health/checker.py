"""HealthChecker: the check plugin of each component, and their results in all documented shapes."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import lru_cache, partial
from typing import Any

from celery import current_app
from django.conf import settings
from django.core.files.storage import default_storage
from health_check.base import HealthCheck
from health_check.exceptions import HealthCheckException

from designs.conf import conf
from designs.monitoring.guard import guarded, swallow
from designs.monitoring.health.history import History
from designs.monitoring.health.results import HEALTHY, UNHEALTHY, HealthReport, Outcome, UnknownComponent, status_of
from designs.monitoring.health.runner import Flight, Runner
from designs.monitoring.redaction import redacted_str
from designs.monitoring.store_away import StoreAway
from designs.monitoring.timestamps import iso_utc
from designs.monitoring.untrusted.text import safe_str, type_name
from integrations import health as plugins
from integrations.redis import FailFastRedis, RedisUnavailable
from integrations.sentry import delivery_status

__all__ = ["HealthChecker"]

logger = logging.getLogger("enginel.health")

_TIMEOUT_SECONDS = 0.5
_DETAIL_MAX_CHARS = 500

history = History()
runner = Runner(history.note, history.settle)


@lru_cache(maxsize=8)
def _gateway(url: str) -> FailFastRedis:
    """Return a client without a circuit breaker: a breaker would report a recovered Redis two seconds late."""
    return FailFastRedis(url, timeout_seconds=_TIMEOUT_SECONDS, breaker_seconds=0)


def _database() -> HealthCheck:
    return plugins.Database(write=conf.health_database_write)


def _redis() -> HealthCheck:
    return plugins.Redis(_gateway(settings.REDIS_URL))


def _celery() -> HealthCheck:
    broker_url = plugins.broker_redis_url(str(current_app.conf.broker_url or ""))
    return plugins.CeleryWorkers(
        current_app,
        _gateway(settings.REDIS_URL),
        _gateway(broker_url) if broker_url else None,
        max_depth=conf.health_queue_depth,
        max_age_seconds=conf.health_task_seconds,
    )


def _storage() -> HealthCheck:
    return plugins.Storage(default_storage, conf.health_storage_free_bytes)


def _kernel() -> HealthCheck:
    return plugins.CADKernel(lambda: False)


def _sentry() -> HealthCheck:
    return plugins.SentryDelivery(delivery_status, conf.health_delivery_seconds)


def _beat() -> HealthCheck:
    return plugins.Beat(current_app, _gateway(settings.REDIS_URL))


_plugins: dict[str, Callable[[], HealthCheck]] = {
    "database": _database,
    "redis": _redis,
    "celery": _celery,
    "storage": _storage,
    "kernel": _kernel,
    "sentry": _sentry,
    "beat": _beat,
}


class HealthChecker:
    """Runs the health checks. Each check runs at most once a second in a process, regardless of the caller count."""

    @staticmethod
    def provide(component: str, make: Callable[[], HealthCheck]) -> None:
        """Register the plugin of a component from outside of this package; a new name becomes the last component."""
        _plugins[component] = make

    @staticmethod
    def observe_as(kind: str) -> None:
        """Set the kind of this process for its results: ``web`` (the default), ``worker`` or ``beat``."""
        history.kind = kind

    @staticmethod
    def components() -> tuple[str, ...]:
        """Return the names of all components, in display order."""
        return tuple(_plugins)

    @staticmethod
    def report(components: Iterable[str] = ()) -> HealthReport:
        """Check components concurrently, all when none is named, and return the report.

        Results of the last second are reused. No check is awaited past its deadline.

        Raises:
            UnknownComponent: No check is registered under one of the names.
        """
        flights = [_begin(name) for name in components or tuple(_plugins)]
        deadline = conf.health_deadline_seconds
        return HealthReport({flight.name: runner.outcome(flight, deadline) for flight in flights})

    @staticmethod
    def check_database() -> dict[str, Any]:
        """Return ``{"status", "message"}``, one result for all databases."""
        return _check("database").as_dict()

    @staticmethod
    def check_redis() -> dict[str, Any]:
        """Return ``{"status", "message"}``."""
        return _check("redis").as_dict()

    @staticmethod
    def check_celery() -> dict[str, Any]:
        """Return ``{"status", "message", "workers"}``, and ``waiting``, ``unfinished``, ``oldest_seconds`` if known."""
        return _check("celery").as_dict()

    @staticmethod
    def check_storage() -> dict[str, Any]:
        """Return ``{"status", "message"}``."""
        return _check("storage").as_dict()

    @staticmethod
    def get_full_health_status() -> dict[str, Any]:
        """Return ``{"status", "timestamp", "checks": {component: {"status", "message", ...}}}``."""
        return HealthChecker.report().as_dict()

    @staticmethod
    def components_down() -> list[str]:
        """Return the components known as unhealthy within the last minute. Runs no check and sends no request."""
        try:
            if history.is_refresh_due(conf.health_refresh_seconds):
                runner.aside(history.refresh)
            return history.components_down()
        except Exception as failure:  # noqa: BLE001 - called for each error, which must be recorded anyway
            swallow("health_components_down", failure)
        return []

    @staticmethod
    def current(components: Iterable[str] = ()) -> dict[str, dict[str, Any]]:
        """Return the status of components by cached checks, as `report` does, with times.

        Returns:
            ``{component: {"status", "message", "at", "since", ...}}`` with the public facts of the check. ``at`` is the
            time of the check, ``since`` the time of the last change: by the history of all processes, or by this
            process alone while the history cannot be read.

        Raises:
            UnknownComponent: No check is registered under one of the names.
        """
        report = HealthChecker.report(components)
        since = HealthChecker.since(report)
        return {
            name: {**outcome.as_dict(), "at": iso_utc(outcome.at), "since": since[name]}
            for name, outcome in report.outcomes.items()
        }

    @staticmethod
    def since(report: HealthReport) -> dict[str, str]:
        """Return the time of each component's last change; see ``since`` of `current`."""
        known = HealthChecker.last_known()
        return {name: history.since(outcome, known.get(name, {})) for name, outcome in report.outcomes.items()}

    @staticmethod
    def last_hour(components: Iterable[str]) -> dict[str, list[str]]:
        """Return the result of `strip` for these components only.

        Raises:
            StoreAway: Redis does not answer.
        """
        try:
            return history.strips(list(components))
        except RedisUnavailable as error:
            raise StoreAway(str(error)) from error

    @staticmethod
    def last_known() -> dict[str, dict[str, str]]:
        """Return the last results of all processes, without running checks.

        Returns:
            ``{component: {"status", "since", "message", "by", "at"}}``, times in ISO 8601; empty without Redis. The
            status is the worst of all observers (``by``: kind, host and process) within the last minute.
        """
        with guarded("health_last_known"):
            return history.last_known()
        return {}

    @staticmethod
    def history(component: str) -> list[dict[str, str]]:
        """Return a component's changes of one day, ``{"at", "status"}``, oldest first; empty without Redis."""
        with guarded("health_history"):
            return history.changes(component)
        return []

    @staticmethod
    def transitions(components: Iterable[str] = ()) -> list[dict[str, str]]:
        """Return the changes of one day of components, all when none is named, newest first.

        Returns:
            ``{"component", "at", "status", "previous", "message", "by"}``; message and observer (``by``) are empty for
            changes that an older release stored.

        Raises:
            StoreAway: Redis does not answer.
        """
        try:
            return history.transitions(list(components) or list(_plugins))
        except RedisUnavailable as error:
            raise StoreAway(str(error)) from error

    @staticmethod
    def strip() -> dict[str, list[str]]:
        """Return each component's worst status in each of the last 60 minutes, oldest first; "" if unknown."""
        names = list(HealthChecker.components())
        with guarded("health_strip"), suppress(RedisUnavailable):
            return history.strips(names)
        return {name: [""] * 60 for name in names}

    @staticmethod
    def changes() -> dict[str, int]:
        """Return the number of changes within one day, by ``component:status``; empty while Redis is unavailable."""
        with guarded("health_changes"):
            return history.totals()
        return {}


def _check(component: str) -> Outcome:
    return HealthChecker.report([component]).outcomes[component]


def _begin(component: str) -> Flight:
    try:
        make = _plugins[component]
    except KeyError:
        raise UnknownComponent(component) from None
    return runner.begin(component, partial(_probe, component, make), conf.health_cache_seconds)


def _probe(component: str, make: Callable[[], HealthCheck]) -> Outcome:
    """Run a plugin and return its outcome; a plugin that raises is unhealthy."""
    began = time.monotonic()
    error: Exception | None = None
    check: Any = None
    try:
        check = make()
        check.run()
    except HealthCheckException as exc:
        error = exc
        status, message = status_of(exc), str(exc.message)
    except Exception as exc:
        logger.exception("The health check of %s raised an unexpected exception", component)
        error = exc
        status, message = UNHEALTHY, "cannot be checked"
    else:
        status, message = HEALTHY, getattr(check, "message", "answers")
    return Outcome(
        component,
        status,
        message,
        _detail(error),
        time.monotonic() - began,
        dict(getattr(check, "facts", {})),
        dict(getattr(check, "private_facts", {})),
    )


def _detail(error: BaseException | None) -> str:
    cause = error.__cause__ if isinstance(error, HealthCheckException) else error
    return "" if cause is None else redacted_str(f"{type_name(cause)}: {safe_str(cause)}", _DETAIL_MAX_CHARS)
