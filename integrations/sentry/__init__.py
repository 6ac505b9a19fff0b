"""Sentry as the sink of recorded errors; does nothing, at no cost, without a DSN."""

from integrations.sentry.client import RESERVED_OPTIONS, init_sentry
from integrations.sentry.describe import GROUPINGS
from integrations.sentry.forward import forward_error, is_on, send_summary
from integrations.sentry.model import Decision, Occurrence, Scrubber

__all__ = [
    "GROUPINGS",
    "RESERVED_OPTIONS",
    "Decision",
    "Occurrence",
    "Scrubber",
    "forward_error",
    "init_sentry",
    "is_on",
    "send_summary",
]
