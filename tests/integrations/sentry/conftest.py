"""Every test of Sentry starts without an outbox and with nothing lost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from integrations.sentry import configure
from integrations.sentry.outbox.lost_events import losses


@pytest.fixture(autouse=True)
def no_outbox() -> Iterator[None]:
    configure()
    losses.reset()
    yield
    configure()
    losses.reset()
