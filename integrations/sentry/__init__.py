"""Sentry delivery of recorded errors. Without a DSN it is off and costs nothing."""

from integrations.sentry.capture import forward_error, fresh_scope, is_on
from integrations.sentry.event_grouping import GROUPINGS
from integrations.sentry.outbox.status import dead_letters, delivery_of, delivery_status, flush
from integrations.sentry.outbox.stream import configure
from integrations.sentry.outbox_replay import ReplayResult, replay_outbox
from integrations.sentry.setup import RESERVED_OPTIONS, init_sentry, sentry_options
from integrations.sentry.types import Decision, Occurrence, Scrubber
from integrations.sentry.withheld_events import mark_scope

__all__ = [
    "GROUPINGS",
    "RESERVED_OPTIONS",
    "Decision",
    "Occurrence",
    "ReplayResult",
    "Scrubber",
    "configure",
    "dead_letters",
    "delivery_of",
    "delivery_status",
    "flush",
    "forward_error",
    "fresh_scope",
    "init_sentry",
    "is_on",
    "mark_scope",
    "replay_outbox",
    "sentry_options",
]
