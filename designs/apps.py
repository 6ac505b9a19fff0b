"""Wiring of the application: the only place that connects signals, checks and Sentry."""

from __future__ import annotations

from celery import current_app
from django.apps import AppConfig
from django.conf import settings
from django.core.signals import got_request_exception
from django.db.models.signals import pre_migrate

from designs.conf import conf
from designs.logs import standard_error


class DesignsConfig(AppConfig):
    name = "designs"
    verbose_name = "Enginel"
    default = True

    def ready(self) -> None:
        # Models must be loaded before these can be imported.
        from designs import checks, command_failures, context, context_propagation, kernel_check, middleware  # noqa: PLC0415
        from designs.access import control_marks, login_limit, logins  # noqa: PLC0415
        from designs.access.credentials import is_login_valid  # noqa: PLC0415
        from designs.cad import kernel_status  # noqa: PLC0415
        from designs.cad.reasons import REASONS  # noqa: PLC0415
        from designs.http import request_bodies  # noqa: PLC0415
        from designs.monitoring import HealthChecker, lifecycle, withheld_results  # noqa: PLC0415
        from designs.monitoring.controlled.program_names import is_known_type  # noqa: PLC0415
        from designs.monitoring.controlled.stated_words import state_words  # noqa: PLC0415
        from designs.monitoring.fingerprint.real_paths import folders_of  # noqa: PLC0415
        from designs.monitoring.sentry.sdk_start import start_sentry  # noqa: PLC0415
        from designs.monitoring.withheld import stands_in_code  # noqa: PLC0415
        from designs.older_database import refuse_older_database  # noqa: PLC0415
        from designs.worker import (  # noqa: PLC0415
            controlled_tasks,
            error_signals,
            health_rounds,
            lost_tasks,
            metric_signals,
            worker_start,
        )
        from integrations.celery import heartbeats, result_backend  # noqa: PLC0415
        from integrations.health import CADKernel  # noqa: PLC0415
        from integrations.redis import redis_for  # noqa: PLC0415
        from integrations.sentry import fresh_scope  # noqa: PLC0415
        from integrations.tracing import TracingOptions, init_tracing  # noqa: PLC0415

        lifecycle.install(resets=[error_signals.reset])
        # Before a deployment switches the symbolic link through which this process has imported its code.
        folders_of(conf.in_app_roots)
        state_words(REASONS)
        standard_error.connect()
        checks.register_checks()
        pre_migrate.connect(refuse_older_database, sender=self, dispatch_uid="enginel.refuse_older_database")
        kernel_check.register_checks()
        result_backend.use_scrubbers(
            result_backend.Scrubbers(
                withheld_results.kept_values,
                withheld_results.kept_text,
                withheld_results.kept_type,
                withheld_results.kept_state,
                withheld_results.kept_result,
                controlled_tasks.is_noted,
                stands_in_code,
            )
        )
        controlled_tasks.connect()
        error_signals.connect()
        lost_tasks.connect()
        worker_start.connect()
        metric_signals.connect()
        login_limit.connect()
        logins.connect()
        control_marks.connect()
        request_bodies.use_login_check(is_login_valid)
        heartbeats.extra_facts["kernel"] = lambda: kernel_status().installed
        HealthChecker.provide(
            "kernel", lambda: CADKernel(heartbeats.extra_facts["kernel"], current_app, redis_for(settings.REDIS_URL))
        )
        health_rounds.connect()
        got_request_exception.connect(middleware.record_unhandled, dispatch_uid="enginel.record_unhandled")
        start_sentry()
        context_propagation.connect(fresh_scope)
        # After Sentry's own hook, so that the failure is recorded before the SDK sees it.
        command_failures.connect()
        context.trace_with(
            init_tracing(
                TracingOptions(
                    settings.ENGINEL_OTLP_ENDPOINT,
                    service=conf.service,
                    environment=settings.ENGINEL_ENVIRONMENT,
                    release=settings.ENGINEL_RELEASE,
                    sample_rate=settings.ENGINEL_OTLP_SAMPLE_RATE,
                    withholds=context.is_controlled,
                    knows_type=is_known_type,
                    on_withheld=context.on_controlled,
                )
            )
        )


class ConsoleConfig(AppConfig):
    """Application for commands that only read Redis, see `enginel.console`: without tasks, requests and CAD files."""

    name = "designs"
    verbose_name = "Enginel"

    def ready(self) -> None:
        # Models must be loaded before these can be imported.
        from designs import checks, command_failures  # noqa: PLC0415
        from designs.monitoring import lifecycle  # noqa: PLC0415
        from designs.monitoring.sentry.sdk_start import start_sentry  # noqa: PLC0415

        lifecycle.install()
        standard_error.connect()
        checks.register_checks()
        start_sentry()
        command_failures.connect()
