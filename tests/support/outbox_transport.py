"""A running SDK with the outbox's transport, against a server that can fail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sentry_sdk
from django.conf import settings

from integrations.sentry import configure
from integrations.sentry.outbox.stream import Outbox, Waiting, outbox
from integrations.sentry.transport import OutboxTransport
from tests.support.faulty_sentry import FaultySentry, faulty_sentry

__all__ = ["capture", "envelope_of", "sdk", "sentry", "spool_dir", "store", "transport"]


@pytest.fixture
def spool_dir(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def store(spool_dir: Path) -> Outbox:
    """The outbox, on the Redis of the tests, with a spool of this test alone."""
    configure(settings.REDIS_URL, spool_dir)
    found = outbox()
    assert found is not None
    return found


@pytest.fixture
def sentry() -> Iterator[FaultySentry]:
    with faulty_sentry() as server:
        yield server


@contextmanager
def sdk(dsn: str, **options: Any) -> Iterator[OutboxTransport]:
    sentry_sdk.init(
        dsn=dsn, transport=OutboxTransport, default_integrations=False, auto_enabling_integrations=False, **options
    )
    transport = sentry_sdk.get_client().transport
    assert isinstance(transport, OutboxTransport)
    try:
        yield transport
    finally:
        sentry_sdk.get_client().close(timeout=0)
        sentry_sdk.get_global_scope().set_client(None)


@pytest.fixture
def transport(store: Outbox, sentry: FaultySentry) -> Iterator[OutboxTransport]:
    with sdk(sentry.dsn) as running:
        yield running


def capture(message: str = "broken") -> str:
    """Capture an event and return its id."""
    event_id = sentry_sdk.capture_event({"message": message, "level": "error"})
    assert event_id is not None
    return event_id


def envelope_of(event_id: str, at_ms: int, sent_at: str = "2020-01-01T00:00:00Z") -> Waiting:
    raw = (
        f'{{"event_id":"{event_id}","sent_at":"{sent_at}"}}\n'
        f'{{"type":"event","length":{len(event_id) + 15}}}\n{{"event_id":"{event_id}"}}\n'
    )
    return Waiting(event_id, at_ms, raw.encode())
