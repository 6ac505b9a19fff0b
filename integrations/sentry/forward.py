"""Sending one recorded occurrence to Sentry, grouped as we group it, with the exact counts."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import sentry_sdk
from sentry_sdk.utils import event_from_exception

from integrations.sentry.describe import decorate
from integrations.sentry.enrich import enrich
from integrations.sentry.integration import EnginelIntegration
from integrations.sentry.model import OWN, Occurrence
from integrations.sentry.stand_in import light

__all__ = ["forward_error", "is_on", "send_summary"]


def is_on() -> bool:
    """Tell whether anything is sent at all."""
    return sentry_sdk.get_client().is_active()


def forward_error(exc: BaseException | None, occurrence: Occurrence, text: str | None = None) -> str | None:
    """Send an occurrence that passed the gate.

    Args:
        exc: The exception; None for a message.
        occurrence: Its record and where it stands in its group.
        text: What the exception says, where asking it would take long.

    Returns:
        Sentry's event id (ours); None without Sentry.
    """
    client = sentry_sdk.get_client()
    integration = client.get_integration(EnginelIntegration)
    if integration is None:
        return None
    record = occurrence.record
    event: dict[str, Any]
    if exc is None:
        event = {"logentry": {"formatted": record["error_message"]}}
    else:
        mechanism = {"type": "enginel", "handled": record["source"] == "explicit"}
        what = light(exc, text)
        event = dict(event_from_exception(what, client_options=client.options, mechanism=mechanism)[0])
        enrich(event, what[1], integration.scrubber, str(client.options.get("project_root") or ""))
    event["timestamp"] = record["timestamp"]
    decorate(event, occurrence, integration.grouping)
    return sentry_sdk.get_current_scope().capture_event(event, {OWN: occurrence})  # type: ignore[arg-type]


def send_summary(template: dict[str, Any] | None, row: Mapping[str, Any], window_seconds: int) -> str | None:
    """Send what a window held back of a group, as one more event of its issue.

    Args:
        template: An earlier event of the group; without one the summary has no stack.
        row: ``fingerprint``, ``suppressed``, ``total``, ``type``, ``message``, ``severity``, ``site``,
            ``first_seen_ms``, ``last_seen_ms``.
        window_seconds: Period of the gate.

    Returns:
        The event id; None without Sentry.
    """
    integration = sentry_sdk.get_client().get_integration(EnginelIntegration)
    if integration is None:
        return None
    record: dict[str, Any] = {
        **dict.fromkeys(("request_id", "task", "request_path", "user_id", "context"), ""),
        "event_id": uuid.uuid4().hex,
        "timestamp": _iso(row["last_seen_ms"]),
        "severity": row["severity"] or "ERROR",
        "source": "summary",
    }
    occurrence = Occurrence(
        record,
        row["fingerprint"],
        row["site"],
        int(row["total"]),
        int(row["suppressed"]),
        _iso(row["first_seen_ms"]),
        window_seconds,
        summary=True,
    )
    event = dict(template) if template else _without_template(row["type"], row["message"])
    event["timestamp"] = record["timestamp"]
    decorate(event, occurrence, integration.grouping)
    # A scope of its own: it happened in none of those that are open here.
    with sentry_sdk.isolation_scope() as scope:
        scope.clear()
        return scope.capture_event(event, {OWN: occurrence})  # type: ignore[arg-type]


def _without_template(error_type: str, message: str) -> dict[str, Any]:
    if error_type in {"", "message"}:
        return {"logentry": {"formatted": message}}
    module, _, name = error_type.rpartition(".")
    value = {"type": name, "value": message, **({"module": module} if module else {})}
    return {"exception": {"values": [value]}}


def _iso(milliseconds: str) -> str:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
