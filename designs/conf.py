"""Settings of the monitoring: each with default, unit and reason, read when used.

Reading at use lets `override_settings` work in every test and keeps import time free of settings. A value once read is
kept as a plain attribute until Django tells that settings changed: an error reads twenty of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar, cast

from django.conf import settings
from django.core.signals import setting_changed
from django.utils.functional import cached_property

__all__ = ["Conf", "InAppPackages", "conf", "setting_names"]

_KIBIBYTE = 1024
# What people wait for at a screen, what workers do to a file, and what the network has a say in.
_SLOW_SECONDS = {
    "": 30.0,
    "api_request": 5.0,
    "geometry_extraction": 30.0,
    "bom_extraction": 30.0,
    "upload": 60.0,
    "file_upload": 60.0,
}
_T = TypeVar("_T")


class InAppPackages(NamedTuple):
    """What decides which installed packages are the application's.

    Attributes:
        names: The packages themselves; None where the setting names none, and the others decide.
        apps: The installed apps.
        entries: Modules that the project starts from.
    """

    names: tuple[str, ...] | None
    apps: tuple[str, ...]
    entries: tuple[str, ...]


class Conf:
    """Typed view of the ``ENGINEL_*`` Django settings."""

    @cached_property
    def service(self) -> str:
        """Name of this service in liveness answers, logs and events."""
        return self._get("ENGINEL_SERVICE", "enginel")

    @cached_property
    def environment(self) -> str:
        return self._get("ENGINEL_ENVIRONMENT", "production")

    @cached_property
    def release(self) -> str:
        """Version of the running code, so that a regression can be told from an old bug."""
        return self._get("ENGINEL_RELEASE", "")

    @cached_property
    def ring_size(self) -> int:
        """Occurrences kept in the ring: what one person can look through (100)."""
        return self._get("ENGINEL_RING_SIZE", 100)

    @cached_property
    def ring_seconds(self) -> int:
        """Age at which an occurrence leaves the ring (one hour)."""
        return self._get("ENGINEL_RING_SECONDS", 3600)

    @cached_property
    def group_seconds(self) -> int:
        """How long a group is remembered after its last occurrence (a day, as its minute buckets)."""
        return self._get("ENGINEL_GROUP_SECONDS", 86_400)

    @cached_property
    def max_groups(self) -> int:
        """Groups kept in Redis; beyond it the least recent goes, and is counted (10,000: some 20 MB)."""
        return self._get("ENGINEL_MAX_GROUPS", 10_000)

    @cached_property
    def window_seconds(self) -> int:
        """Period of the gate (five minutes): the same failure passes on at 1, 10, 100, ... within it."""
        return self._get("ENGINEL_WINDOW_SECONDS", 300)

    @cached_property
    def max_event_bytes(self) -> int:
        """Size of one event as JSON (64 KiB), so that a hundred of them never strain Redis or a page."""
        return self._get("ENGINEL_MAX_EVENT_BYTES", 64 * _KIBIBYTE)

    @cached_property
    def local_ring_size(self) -> int:
        """Full records a process keeps while Redis is away; the counts behind them stay exact."""
        return self._get("ENGINEL_LOCAL_RING_SIZE", 100)

    @cached_property
    def hand_over_seconds(self) -> float:
        """How often a process tries to hand over what it kept while Redis was away (a second); 0: never by itself."""
        return self._get("ENGINEL_HAND_OVER_SECONDS", 1.0)

    @cached_property
    def redact_email(self) -> bool:
        """Whether e-mail addresses are removed from records. Off: they are how users are told apart."""
        return self._get("ENGINEL_REDACT_EMAIL", False)

    @cached_property
    def redact_ip(self) -> bool:
        """Whether IP addresses are removed from records."""
        return self._get("ENGINEL_REDACT_IP", False)

    @cached_property
    def metrics_flush_seconds(self) -> float:
        """How often a process hands over what it measured (a second: what a SIGKILL may cost); 0: only when read."""
        return self._get("ENGINEL_METRICS_FLUSH_SECONDS", 1.0)

    @cached_property
    def metrics_max_series(self) -> int:
        """Series a process keeps (1,000: a megabyte); what comes beyond is counted under ``__overflow__``."""
        return self._get("ENGINEL_METRICS_MAX_SERIES", 1_000)

    @cached_property
    def metrics_seconds(self) -> int:
        """How long counters are kept after they grew last (a day)."""
        return self._get("ENGINEL_METRICS_SECONDS", 86_400)

    @cached_property
    def operation_stats_seconds(self) -> int:
        """How long statistics of an operation are kept after it ran last (an hour)."""
        return self._get("ENGINEL_OPERATION_STATS_SECONDS", 3_600)

    @cached_property
    def gauge_seconds(self) -> int:
        """Age at which a gauge says nothing any more (five minutes)."""
        return self._get("ENGINEL_GAUGE_SECONDS", 300)

    @cached_property
    def slow_seconds(self) -> Mapping[str, float]:
        """Durations from which an operation is slow, by its name; ``""`` is for all others (30 s)."""
        return {**_SLOW_SECONDS, **self._get("ENGINEL_SLOW_SECONDS", {})}

    @cached_property
    def request_log_prefixes(self) -> tuple[str, ...]:
        """Beginnings of the paths whose requests are logged; ``("",)`` logs all (the API: the rest is noise)."""
        return tuple(self._get("ENGINEL_REQUEST_LOG_PREFIXES", ("/api/",)))

    @cached_property
    def in_app_roots(self) -> tuple[str, ...]:
        """Folders whose code is ours; frames below them decide the grouping."""
        return tuple(self._get("ENGINEL_IN_APP_ROOTS", (str(getattr(settings, "BASE_DIR", "")),)))

    @cached_property
    def in_app_packages(self) -> InAppPackages:
        """Packages whose code is ours wherever they are installed; by default those of the project's own apps."""
        stated: Any = self._get("ENGINEL_IN_APP_PACKAGES", None)
        # A single name, or a value of a wrong type: the check reports it.
        names = stated if stated is None or isinstance(stated, list | tuple | set | frozenset) else (stated,)
        entries = ("ROOT_URLCONF", "WSGI_APPLICATION", "ASGI_APPLICATION")
        return InAppPackages(
            None if names is None else tuple(names),
            tuple(getattr(settings, "INSTALLED_APPS", ())),
            tuple(str(getattr(settings, name, None) or "") for name in entries),
        )

    @cached_property
    def fingerprint_source_line(self) -> bool:
        """Whether the innermost own source line is part of the key.

        It keeps two raises of one function apart. All hosts must agree on it: a host without source
        files would split groups, so such fleets switch it off everywhere.
        """
        return self._get("ENGINEL_FINGERPRINT_SOURCE_LINE", True)

    @cached_property
    def fingerprint_outage_off(self) -> tuple[str, ...]:
        """Dependencies whose outages are grouped by stack after all.

        Database aliases, hosts, or the families ``database``, ``redis``, ``broker`` and ``http``; ``*`` is all.
        """
        return tuple(self._get("ENGINEL_FINGERPRINT_OUTAGE_OFF", ()))

    @cached_property
    def fingerprint_hook(self) -> str | Callable[..., Any] | None:
        """Callable, or its dotted path, that may name a failure's group: from a dict to a list, or None."""
        return self._get("ENGINEL_FINGERPRINT_HOOK", None)

    @cached_property
    def sentry_options(self) -> Mapping[str, Any]:
        """Further options of the Sentry SDK, for what only a deployment knows (proxies, its own integrations)."""
        return dict(self._get("ENGINEL_SENTRY_OPTIONS", {}))

    @cached_property
    def sentry_lease_seconds(self) -> float:
        """How long who captured an event has it for himself before replay sends it (30 s: three requests)."""
        return self._get("ENGINEL_SENTRY_LEASE_SECONDS", 30.0)

    @cached_property
    def sentry_issue_url(self) -> str:
        """Address of the list of issues in Sentry; records link to their issue below it. Empty: no links."""
        return self._get("ENGINEL_SENTRY_ISSUE_URL", "")

    @cached_property
    def metrics_token(self) -> str:
        """Secret that Prometheus sends to /metrics as a bearer token; empty: no token opens it."""
        return self._get("ENGINEL_METRICS_TOKEN", "")

    @cached_property
    def metrics_allowed_ips(self) -> tuple[str, ...]:
        """Addresses and networks that may read /metrics without the token (none)."""
        return tuple(self._get("ENGINEL_METRICS_ALLOWED_IPS", ()))

    @cached_property
    def metrics_cache_seconds(self) -> float:
        """How long a process answers /metrics with one page (a second, so that a storm of scrapes is one read)."""
        return self._get("ENGINEL_METRICS_CACHE_SECONDS", 1.0)

    @cached_property
    def metrics_health_seconds(self) -> float:
        """Age of the last health checks at which a scrape asks anew (half a minute); 0: a scrape never asks."""
        return self._get("ENGINEL_METRICS_HEALTH_SECONDS", 30.0)

    @cached_property
    def behind_proxy(self) -> bool:
        """Whether X-Forwarded-For is a proxy's word."""
        return self._get("ENGINEL_BEHIND_PROXY", False)

    @cached_property
    def health_cache_seconds(self) -> float:
        """How long a check's result is given again (a second): a storm of probes costs one run a second."""
        return self._get("ENGINEL_HEALTH_CACHE_SECONDS", 1.0)

    @cached_property
    def health_deadline_seconds(self) -> float:
        """How long a check may take (two seconds): probes of load balancers give up after five or more."""
        return self._get("ENGINEL_HEALTH_DEADLINE_SECONDS", 2.0)

    @cached_property
    def health_queue_depth(self) -> int:
        """Unfinished tasks beyond which Celery is degraded (1,000: more than an evening's uploads)."""
        return self._get("ENGINEL_HEALTH_QUEUE_DEPTH", 1_000)

    @cached_property
    def health_task_seconds(self) -> float:
        """Age of an unfinished task beyond which Celery is degraded (15 minutes: tasks take seconds)."""
        return self._get("ENGINEL_HEALTH_TASK_SECONDS", 900.0)

    @cached_property
    def lost_design_seconds(self) -> float:
        """How long neither a queue nor a live worker has a design's task until the design is failed.

        A minute, or longer than a task may run: a worker that shuts down ends its heartbeat before its last tasks.
        """
        longest = float(getattr(settings, "CELERY_TASK_TIME_LIMIT", None) or 0.0)
        return self._get("ENGINEL_LOST_DESIGN_SECONDS", max(60.0, longest + 10.0))

    @cached_property
    def health_storage_free_bytes(self) -> int:
        """Free space below which the storage is degraded (256 MiB: a few of the largest uploads)."""
        return self._get("ENGINEL_HEALTH_STORAGE_FREE_BYTES", 256 * _KIBIBYTE * _KIBIBYTE)

    @cached_property
    def health_delivery_seconds(self) -> float:
        """Age of an event that Sentry has not taken beyond which its delivery is degraded (a minute)."""
        return self._get("ENGINEL_HEALTH_DELIVERY_SECONDS", 60.0)

    @cached_property
    def health_database_write(self) -> bool:
        """Whether the check of SQLite asks for its write lock. A test's transaction holds it, so tests do not."""
        return self._get("ENGINEL_HEALTH_DATABASE_WRITE", True)

    @cached_property
    def health_round_seconds(self) -> float:
        """How often beat, and a worker it asks, check components without a visitor (30 s); 0: never."""
        return self._get("ENGINEL_HEALTH_ROUND_SECONDS", 30.0)

    @cached_property
    def health_refresh_seconds(self) -> float:
        """How often a process whose errors are recorded asks what others found (10 s); 0: never."""
        return self._get("ENGINEL_HEALTH_REFRESH_SECONDS", 10.0)

    @cached_property
    def ready_components(self) -> tuple[str, ...]:
        """Components without which a web process is taken out of service.

        Only the database: without Redis requests are answered and errors kept, without workers they are queued, and
        taking every process out would turn part of an outage into all of it.
        """
        return tuple(self._get("ENGINEL_READY_COMPONENTS", ("database",)))

    @staticmethod
    def _get(name: str, default: _T) -> _T:
        return cast("_T", getattr(settings, name, default))

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{name} is read from Django settings; use override_settings in tests")


conf = Conf()


def setting_names() -> frozenset[str]:
    """Return the Django settings that `conf` reads."""
    return frozenset(
        f"ENGINEL_{name.upper()}" for name, value in vars(Conf).items() if isinstance(value, cached_property)
    )


def _forget(**changed: object) -> None:
    vars(conf).clear()


setting_changed.connect(_forget, dispatch_uid="enginel.conf")
