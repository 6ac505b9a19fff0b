"""Start of the Sentry SDK, as configured in the settings."""

from __future__ import annotations

from django.conf import settings

from designs import context
from designs.conf import conf
from designs.monitoring.guard import guarded
from designs.monitoring.sentry.scrubber import SCRUBBER
from designs.monitoring.sentry.sdk_events import admit
from integrations.sentry import configure, init_sentry, mark_scope

__all__ = ["start_sentry"]


def start_sentry() -> bool:
    """Start the SDK if there is a DSN; return whether Sentry is on."""
    context.on_controlled(_mark_scope)
    configure(settings.REDIS_URL, settings.ENGINEL_STATE_DIR / "sentry", conf.sentry_lease_seconds)
    return init_sentry(
        settings.SENTRY_DSN,
        environment=settings.ENGINEL_ENVIRONMENT,
        release=settings.ENGINEL_RELEASE,
        gate=admit,
        scrubber=SCRUBBER,
        grouping=settings.ENGINEL_SENTRY_GROUPING,
        project_root=str(settings.BASE_DIR),
        traces_sample_rate=settings.ENGINEL_SENTRY_TRACES_SAMPLE_RATE,
        crons=settings.ENGINEL_SENTRY_CRONS,
        more=conf.sentry_options,
    )


def _mark_scope() -> None:
    with guarded("mark_scope"):
        mark_scope()
