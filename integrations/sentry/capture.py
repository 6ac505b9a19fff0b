"""Forwarding of recorded occurrences to Sentry, with our grouping and exact counts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sentry_sdk
from sentry_sdk.scope import Scope, use_isolation_scope, use_scope
from sentry_sdk.utils import event_from_exception

from integrations.sentry.enrich import enrich
from integrations.sentry.event_grouping import decorate
from integrations.sentry.integration import EnginelIntegration
from integrations.sentry.stand_in_exceptions import TextOf, light
from integrations.sentry.types import OWN, Occurrence
from integrations.sentry.withheld_events import is_marked, reword

__all__ = ["forward_error", "fresh_scope", "is_on"]


def is_on() -> bool:
    """Return whether the SDK is active."""
    return sentry_sdk.get_client().is_active()


@contextmanager
def fresh_scope() -> Iterator[None]:
    """Capture events without this process's user, request, task, breadcrumbs and trace.

    For failures of another process: a worker's main process reports the task of a lost child.
    """
    if not is_on():
        yield
        return
    # New scopes: a forked and cleared scope keeps the event processors of integrations.
    with use_isolation_scope(Scope()), use_scope(Scope()):
        yield


def forward_error(
    exc: BaseException | None, occurrence: Occurrence, text: str | None = None, text_of: TextOf | None = None
) -> str | None:
    """Send an occurrence that the gate admitted.

    Args:
        exc: The exception; None for a message.
        occurrence: Its record, with the counts of its group.
        text: Text to use instead of ``str(exc)``, where that would be slow or do input or output.
        text_of: The same for chained exceptions, see `light`.

    Returns:
        The event id, in Sentry and in our records; None without Sentry.
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
        what = light(exc, text, text_of)
        event = dict(event_from_exception(what, client_options=client.options, mechanism=mechanism)[0])
        if is_marked(event, integration.scrubber, exc):
            reword(event, what[1], integration.scrubber)
        enrich(event, what[1], integration.scrubber, str(client.options.get("project_root") or ""))
    event["timestamp"] = record["timestamp"]
    decorate(event, occurrence, integration.grouping)
    return sentry_sdk.get_current_scope().capture_event(event, {OWN: occurrence})  # type: ignore[arg-type]
