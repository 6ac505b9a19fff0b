"""Set-up and options of the Sentry SDK."""

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
    # Our own: their errors are recorded already. Frequent loggers are listed by name, since patterns are slower.
    "enginel.errors",
    "enginel.monitoring",
    "enginel.requests",
    "enginel.*",
    # Errors of clients, not of the service.
    "django.security.*",
    "django.request",
    "django.server",
    # Celery's signals report each failure of a task or pool process once.
    "celery.worker.*",
    "celery.app.trace",
    "celery.redirected",
    "multiprocessing",
)

RESERVED_OPTIONS = frozenset(
    {
        # If set, it overrides the two options below for each frame, and a duplicate costs as much as a sent event.
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
"""SDK options that a deployment cannot set: the gate's cost and the scrubbing depend on them."""

_MAX_BREADCRUMBS = 50


class _ScrubbedLater(EventScrubber):
    """Leaves events unchanged: `scrubbing` cleans the complete event later."""

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
    """Return SDK options that send only events admitted by the gate, and scrub each of them.

    Events are captured without locals and source lines. `EnginelIntegration` adds both to admitted events.

    Args:
        gate: Decides on events that the SDK captures by itself.
        scrubber: Removes secrets.
        grouping: ``enginel``, ``hybrid`` or ``sentry``, see `integrations.sentry.event_grouping`.
        crons: Whether Sentry monitors beat's tasks as crons.
        more: SDK options of the deployment; `RESERVED_OPTIONS` are ignored.
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
            # First, so that its event processor runs before those of the others.
            EnginelIntegration(gate=gate, scrubber=scrubber, grouping=grouping),
            DjangoIntegration(signals_spans=False),
            CeleryIntegration(monitor_beat_tasks=crons),
            RedisIntegration(max_data_size=None),
            LoggingIntegration(sentry_logs_level=None),
            *given.get("integrations", ()),
        ],
        # A one-letter option does not show that its value is secret. Errors of commands carry scrubbed arguments.
        "disabled_integrations": [ArgvIntegration(), *given.get("disabled_integrations", ())],
        "include_local_variables": False,
        "include_source_context": False,
        "max_value_length": SDK_MAX_CHARS,
        "event_scrubber": _ScrubbedLater(),
        "before_send": send,
        "before_send_transaction": send,
        "before_send_log": telemetry,
        "before_send_metric": telemetry,
        # The SDK warns about this hook unless spans are streamed.
        **({"before_send_span": scrubbing_spans(scrubber)} if _streams_spans(given) else {}),
        "before_breadcrumb": _breadcrumb_filter(scrubber),
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
    """Start the SDK; do nothing without a DSN.

    Args:
        dsn: DSN of the Sentry project.
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


def _breadcrumb_filter(scrubber: Scrubber) -> Callable[[dict[str, Any], dict[str, Any]], dict[str, Any] | None]:
    """Return the SDK's ``before_breadcrumb``."""

    def before_breadcrumb(crumb: dict[str, Any], hint: dict[str, Any]) -> dict[str, Any] | None:
        if crumb.get("category") == "redis" and is_own_command():
            # Our own commands would displace the application's breadcrumbs.
            return None
        line = hint.get("log_record")
        if line is not None and scrubber.withholds_line is not None and scrubber.withholds_line(line):
            # A later event of other work may include this breadcrumb.
            return {name: value for name, value in crumb.items() if name not in {"message", "data", "category"}}
        return crumb

    return before_breadcrumb
