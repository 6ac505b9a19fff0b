"""SDK integration that applies the gate of recorded errors to events captured by the SDK itself."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Any

import sentry_sdk
from sentry_sdk.integrations import Integration
from sentry_sdk.scope import add_global_event_processor
from sentry_sdk.utils import event_from_exception

from integrations.sentry.attached_values import described
from integrations.sentry.enrich import Ready, enrich
from integrations.sentry.event_grouping import decorate
from integrations.sentry.stand_in_exceptions import light
from integrations.sentry.types import OWN, Decision, Gate, Scrubber
from integrations.sentry.withheld_events import is_marked, reword

__all__ = ["EnginelIntegration"]

logger = logging.getLogger("enginel.sentry")

_FREE = ("breadcrumbs", "contexts", "extra", "logentry", "tags", "user")
_NOT_ERRORS = frozenset({"transaction", "check_in", "profile", "feedback", "replay_event"})


class EnginelIntegration(Integration):
    """Gates and enriches events that the SDK captures.

    Event processors read its state through the current client, since the SDK calls `setup_once` once per process.
    """

    identifier = "enginel"

    def __init__(self, *, gate: Gate, scrubber: Scrubber, grouping: str = "enginel") -> None:
        self.gate = gate
        self.scrubber = scrubber
        self.grouping = grouping

    @staticmethod
    def setup_once() -> None:
        add_global_event_processor(_process)
        # A scope's processor runs after all global ones, including the SDK's.
        sentry_sdk.get_global_scope().add_event_processor(_with_plain_values)

    def process(self, event: dict[str, Any], hint: dict[str, Any]) -> dict[str, Any] | None:
        """Return the event with the facts of its group, or None when it is not sent."""
        own = hint.get(OWN)
        if own is not None:
            # The scope has been applied by now. The request path replaces a missing transaction.
            if not event.get("transaction") and own.record.get("request_path"):
                event["transaction"] = own.record["request_path"]
            return event
        _as_log_entry(event)
        decision = self._decide(event, hint)
        if not decision.passes:
            return None
        if decision.occurrence is not None:
            hint[OWN] = decision.occurrence
            decorate(event, decision.occurrence, self.grouping)
        exc = exc_info[1] if (exc_info := hint.get("exc_info")) else decision.exc
        if exc is not None:
            options = sentry_sdk.get_client().options
            if "exception" not in event:
                text_of = self.scrubber.text_of
                what = light(exc, text_of(exc) if text_of is not None else None, text_of)
                event["exception"] = event_from_exception(what, client_options=options)[0]["exception"]
                exc = what[1]
            self._reword(event, exc)
            enrich(event, exc, self.scrubber, str(options.get("project_root") or ""))
        else:
            self._reword(event, None)
        return event

    def _reword(self, event: dict[str, Any], exc: BaseException | None) -> None:
        if is_marked(event, self.scrubber, exc):
            reword(event, exc, self.scrubber)

    def _decide(self, event: Mapping[str, Any], hint: Mapping[str, Any]) -> Decision:
        try:
            return self.gate(event, hint)
        except Exception:
            # Too many events are better than none.
            logger.warning("the gate failed; the event is sent without a decision", exc_info=True)
            return Decision(passes=True)


_inside = threading.local()


def _process(event: Any, hint: Any) -> Any:
    integration = sentry_sdk.get_client().get_integration(EnginelIntegration)
    if integration is None or event.get("type") in _NOT_ERRORS:
        return event
    if getattr(_inside, "now", False):
        # Errors logged by the gate, or by an object it reads, would recurse forever.
        return None
    _inside.now = True
    try:
        return integration.process(event, hint)
    finally:
        _inside.now = False


def _with_plain_values(event: Any, hint: Any) -> Any:
    # Serializing some hundred package names again would cost the SDK a third of its time for a short stack.
    integration = sentry_sdk.get_client().get_integration(EnginelIntegration)
    if integration is None:
        return event
    modules = event.get("modules")
    if isinstance(modules, dict):
        event["modules"] = Ready(modules)
    # The SDK would read class and text of foreign objects, which may run queries.
    for name in _FREE:
        if name in event:
            event[name] = described(event[name], integration.scrubber)
    return event


def _as_log_entry(event: dict[str, Any]) -> None:
    # `capture_message` writes a field that is not in the published schema.
    message = event.pop("message", None)
    if isinstance(message, str) and "logentry" not in event:
        event["logentry"] = {"formatted": message}
