"""Setting up the SDK."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import sentry_sdk
from sentry_sdk.integrations.argv import ArgvIntegration
from sentry_sdk.integrations.celery import CeleryIntegration
from sentry_sdk.integrations.django import DjangoIntegration
from sentry_sdk.integrations.logging import LoggingIntegration, ignore_logger
from sentry_sdk.integrations.redis import RedisIntegration
from sentry_sdk.scrubber import EventScrubber

from integrations.redis import is_own_command
from integrations.sentry.before_send import SDK_MAX_CHARS, scrubbing
from integrations.sentry.integration import EnginelIntegration
from integrations.sentry.telemetry import scrubbing_spans, scrubbing_telemetry
from integrations.sentry.transport import OutboxTransport
from integrations.sentry.types import Gate, Scrubber

__all__ = ["RESERVED_OPTIONS", "init_sentry", "sentry_options"]

IGNORED_LOGGERS = (
    # Ours: what they tell has been recorded. By name where it is often: patterns are slower.
    "enginel.errors",
    "enginel.monitoring",
    "enginel.requests",
    "enginel.*",
    # What a bad client can cause is no failure of ours.
    "django.security.*",
    "django.request",
    "django.server",
    # Failures of tasks and pool processes come by Celery's signals, once each.
    "celery.worker.*",
    "celery.app.trace",
    "celery.redirected",
    "multiprocessing",
)

RESERVED_OPTIONS = frozenset(
    {
        # Given, it overrides the two below, frame by frame, and every duplicate costs what a kept event does.
        "data_collection",
        "include_local_variables",
        "include_source_context",
        "add_full_stack",
        "attach_stacktrace",
        "before_send",
        "before_send_log",
        "before_send_metric",
        "before_send_span",
        "before_send_transaction",
        "before_breadcrumb",
        "default_integrations",
        "dsn",
        "error_sampler",
        "event_scrubber",
        "max_value_length",
        "sample_rate",
        "send_default_pii",
        "transport",
    }
)
"""Options of the SDK that nobody else may set: the gate's cost and the scrubbing depend on them."""

_MAX_BREADCRUMBS = 50


class _ScrubbedLater(EventScrubber):
    """Leaves the event alone: `scrubbing` sees it when nothing is added to it any more."""

    def scrub_event(self, event: Any) -> None:
        return


def sentry_options(
    *,
    gate: Gate,
    scrubber: Scrubber,
    grouping: str = "enginel",
    crons: bool = False,
    more: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the options of the SDK that make it send what the gate lets pass, and nothing unscrubbed.

    Captures are lean: no locals, no source. What passes gets them in `EnginelIntegration`.

    Args:
        gate: Decides on what the SDK captures by itself.
        scrubber: Removes secrets.
        grouping: ``enginel``, ``hybrid`` or ``sentry``, see `integrations.sentry.event_grouping`.
        crons: Whether beat's tasks are monitored as crons.
        more: Options of the SDK from the deployment; those of `RESERVED_OPTIONS` are left out.
    """
    given = {name: value for name, value in (more or {}).items() if name not in RESERVED_OPTIONS}
    send = scrubbing(scrubber)
    telemetry = scrubbing_telemetry(scrubber)
    return {
        "max_breadcrumbs": _MAX_BREADCRUMBS,
        "max_request_body_size": "small",
        "auto_session_tracking": False,
        "auto_enabling_integrations": False,
        **given,
        "integrations": [
            # The first: its processor goes before those of the others.
            EnginelIntegration(gate=gate, scrubber=scrubber, grouping=grouping),
            DjangoIntegration(signals_spans=False),
            CeleryIntegration(monitor_beat_tasks=crons),
            RedisIntegration(max_data_size=None),
            LoggingIntegration(sentry_logs_level=None),
            *given.get("integrations", ()),
        ],
        # An option of one letter does not say that its value is secret. Failed commands have their scrubbed arguments.
        "disabled_integrations": [ArgvIntegration(), *given.get("disabled_integrations", ())],
        "include_local_variables": False,
        "include_source_context": False,
        "max_value_length": SDK_MAX_CHARS,
        "event_scrubber": _ScrubbedLater(),
        "before_send": send,
        "before_send_transaction": send,
        "before_send_log": telemetry,
        "before_send_metric": telemetry,
        # The SDK warns of it where spans are not streamed.
        **({"before_send_span": scrubbing_spans(scrubber)} if _streams_spans(given) else {}),
        "before_breadcrumb": _looking_at_breadcrumbs(scrubber),
    }


def init_sentry(
    dsn: str,
    *,
    environment: str,
    release: str,
    gate: Gate,
    scrubber: Scrubber,
    project_root: str | None = None,
    traces_sample_rate: float = 0.0,
    **options: Any,
) -> bool:
    """Start the SDK; without a DSN do nothing.

    Args:
        dsn: Where to send.
        environment: Name of the deployment.
        release: Version of the running code.
        gate: See `sentry_options`.
        scrubber: See `sentry_options`.
        project_root: Folder of the application's code.
        traces_sample_rate: Share of requests and tasks that are traced; 0 costs nothing.
        **options: See `sentry_options`.

    Returns:
        Whether Sentry is on.
    """
    if not dsn:
        return False
    for name in IGNORED_LOGGERS:
        ignore_logger(name)
    sentry_sdk.init(
        dsn=dsn,
        environment=environment,
        release=release or None,
        project_root=project_root,
        traces_sample_rate=traces_sample_rate or None,
        transport=OutboxTransport,
        **sentry_options(gate=gate, scrubber=scrubber, **options),
    )
    return True


def _streams_spans(options: Mapping[str, Any]) -> bool:
    experiments = options.get("_experiments") or {}
    return "stream" in {options.get("trace_lifecycle"), experiments.get("trace_lifecycle")}


def _looking_at_breadcrumbs(scrubber: Scrubber) -> Callable[[dict[str, Any], dict[str, Any]], dict[str, Any] | None]:
    """Return the SDK's ``before_breadcrumb``."""

    def before_breadcrumb(crumb: dict[str, Any], hint: dict[str, Any]) -> dict[str, Any] | None:
        if crumb.get("category") == "redis" and is_own_command():
            # Ours would push the application's out.
            return None
        line = hint.get("log_record")
        if line is not None and scrubber.withholds_line is not None and scrubber.withholds_line(line):
            # A later event of other work may have it.
            return {name: value for name, value in crumb.items() if name not in {"message", "data", "category"}}
        return crumb

    return before_breadcrumb
