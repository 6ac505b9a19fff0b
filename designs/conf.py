"""Settings of the monitoring as typed attributes; `designs.settings_table` has their defaults, units and reasons.

Reading at use lets `override_settings` work in every test and keeps import time free of settings. A value once read is
a plain attribute until Django signals a change of settings: an error reads twenty of them.

Values are not checked here. `designs.checks` stops the start on a wrong one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from django.conf import settings
from django.core.signals import setting_changed
from django.utils.functional import cached_property

from designs.settings_model import Kind
from designs.settings_table import SETTINGS

__all__ = ["Conf", "InAppPackages", "conf", "setting_names"]

# Users wait for requests, workers process files, and uploads depend on the network.
_SLOW_SECONDS = {
    "": 30.0,
    "api_request": 5.0,
    "geometry_extraction": 30.0,
    "bom_extraction": 30.0,
    "upload": 60.0,
    "file_upload": 60.0,
}
_COLLECTIONS = (list, tuple, set, frozenset)


class InAppPackages(NamedTuple):
    """Rules for which installed packages are the application's.

    Attributes:
        names: The packages themselves; None where the setting names none, and the others decide.
        apps: Django's installed apps.
        entries: Modules that the project starts from.
    """

    names: tuple[str, ...] | None
    apps: tuple[str, ...]
    entries: tuple[str, ...]


class Conf:
    """Typed view of the ``ENGINEL_*`` Django settings: ``ring_size`` is ``ENGINEL_RING_SIZE``."""

    service: str
    environment: str
    release: str
    ring_size: int
    ring_seconds: int
    group_seconds: int
    max_groups: int
    window_seconds: int
    max_event_bytes: int
    local_ring_size: int
    hand_over_seconds: float
    redact_email: bool
    redact_ip: bool
    metrics_flush_seconds: float
    metrics_max_series: int
    metrics_seconds: int
    operation_stats_seconds: int
    gauge_seconds: int
    request_log_prefixes: tuple[str, ...]
    fingerprint_source_line: bool
    fingerprint_outage_off: tuple[str, ...]
    fingerprint_hook: str | Callable[..., Any] | None
    sentry_options: Mapping[str, Any]
    sentry_lease_seconds: float
    sentry_issue_url: str
    metrics_token: str
    metrics_allowed_ips: tuple[str, ...]
    metrics_cache_seconds: float
    metrics_health_seconds: float
    behind_proxy: bool
    health_cache_seconds: float
    health_deadline_seconds: float
    health_queue_depth: int
    health_task_seconds: float
    health_storage_free_bytes: int
    health_delivery_seconds: float
    health_database_write: bool
    health_round_seconds: float
    health_refresh_seconds: float
    ready_components: tuple[str, ...]

    if not TYPE_CHECKING:
        # Only called for attributes that were not read yet.
        def __getattr__(self, name: str) -> Any:
            if name not in Conf.__annotations__:
                raise AttributeError(name)
            value = self.__dict__[name] = _value(f"ENGINEL_{name.upper()}")
            return value

    @cached_property
    def slow_seconds(self) -> Mapping[str, float]:
        stated = getattr(settings, "ENGINEL_SLOW_SECONDS", None)
        return {**_SLOW_SECONDS, **(stated if isinstance(stated, Mapping) else {})}

    @cached_property
    def in_app_roots(self) -> tuple[str, ...]:
        stated = getattr(settings, "ENGINEL_IN_APP_ROOTS", None)
        if not isinstance(stated, _COLLECTIONS):
            return (str(getattr(settings, "BASE_DIR", "")),)
        return tuple(str(root) for root in stated)

    @cached_property
    def in_app_packages(self) -> InAppPackages:
        stated: Any = getattr(settings, "ENGINEL_IN_APP_PACKAGES", None)
        # A single name, or a value of a wrong type: the check reports it.
        names = stated if stated is None or isinstance(stated, _COLLECTIONS) else (stated,)
        entries = ("ROOT_URLCONF", "WSGI_APPLICATION", "ASGI_APPLICATION")
        return InAppPackages(
            None if names is None else tuple(names),
            tuple(getattr(settings, "INSTALLED_APPS", ())),
            tuple(str(getattr(settings, name, None) or "") for name in entries),
        )

    @cached_property
    def lost_design_seconds(self) -> float:
        longest = float(getattr(settings, "CELERY_TASK_TIME_LIMIT", None) or 0.0)
        stated: float = getattr(settings, "ENGINEL_LOST_DESIGN_SECONDS", max(60.0, longest + 10.0))
        return stated

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{name} is read from Django settings; use override_settings in tests")


def _value(name: str) -> Any:
    row = SETTINGS[name]
    value = getattr(settings, name, row.default)
    # Applications set themselves up before the checks run, so a list or mapping of a wrong type must not raise yet.
    if row.kind in (Kind.WORDS, Kind.NETWORKS):
        return tuple(value if isinstance(value, _COLLECTIONS) else row.default)
    if row.kind is Kind.OPTIONS:
        return dict(value) if isinstance(value, Mapping) else {}
    return value


conf = Conf()


def setting_names() -> frozenset[str]:
    """Return the Django settings that `conf` reads."""
    computed = (name for name, value in vars(Conf).items() if isinstance(value, cached_property))
    return frozenset(f"ENGINEL_{name.upper()}" for name in (*Conf.__annotations__, *computed))


def _forget(**changed: object) -> None:
    vars(conf).clear()


# At import: fingerprints also work in processes without the application, and their settings change, too.
setting_changed.connect(_forget, dispatch_uid="enginel.conf")
