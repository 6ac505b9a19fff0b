"""Fixtures of the tests of decisions about Sentry."""

from tests.integrations.sentry.conftest import no_outbox

__all__ = ["no_outbox"]
