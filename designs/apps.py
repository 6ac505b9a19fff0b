"""Wiring of the application: the only place that connects signals, checks and Sentry."""

from __future__ import annotations

from django.apps import AppConfig
from django.core.signals import got_request_exception


class DesignsConfig(AppConfig):
    name = "designs"
    verbose_name = "Enginel"

    def ready(self) -> None:
        # Models must be loaded before these can be imported.
        from designs import celery_metrics, celery_signals, checks, middleware  # noqa: PLC0415
        from designs.sentry import start_sentry  # noqa: PLC0415

        checks.register_checks()
        celery_signals.connect()
        celery_metrics.connect()
        got_request_exception.connect(middleware.record_unhandled, dispatch_uid="enginel.record_unhandled")
        start_sentry()
