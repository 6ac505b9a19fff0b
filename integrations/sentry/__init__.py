"""Sentry as the sink of recorded errors; does nothing, at no cost, without a DSN."""

from integrations.sentry.client import RESERVED_OPTIONS, init_sentry, sentry_options
from integrations.sentry.delivery import dead_letters, delivery_of, delivery_status, flush
from integrations.sentry.describe import GROUPINGS
from integrations.sentry.forward import forward_error, fresh_scope, is_on
from integrations.sentry.model import Decision, Occurrence, Scrubber
from integrations.sentry.outbox import configure
from integrations.sentry.replay import ReplayResult, replay_outbox
from integrations.sentry.withheld import mark_scope

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
