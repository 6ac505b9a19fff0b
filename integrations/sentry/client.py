"""Setting up the SDK."""

from __future__ import annotations

import sentry_sdk

__all__ = ["init_sentry"]

_MAX_VALUE_CHARS = 2_048


def init_sentry(dsn: str, *, environment: str, release: str, traces_sample_rate: float = 0.0) -> bool:
    """Start the SDK; without a DSN do nothing.

    The SDK's own capture hooks stay off: every failure comes through `forward_error`, counted and within the gate's
    budget. Two captures of one failure would be two events.

    Returns:
        Whether Sentry is on.
    """
    if not dsn:
        return False
    sentry_sdk.init(
        dsn=dsn,
        environment=environment,
        release=release or None,
        traces_sample_rate=traces_sample_rate,
        default_integrations=False,
        auto_enabling_integrations=False,
        include_local_variables=False,
        max_value_length=_MAX_VALUE_CHARS,
    )
    return True
