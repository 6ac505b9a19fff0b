"""Sentry as the sink of recorded errors; does nothing, at no cost, without a DSN."""

from integrations.sentry.client import init_sentry
from integrations.sentry.forward import forward_error

__all__ = ["forward_error", "init_sentry"]
