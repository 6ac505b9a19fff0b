"""What tests of the store share: a store, occurrences of a message each, and a look at Redis itself."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.conf import settings

from designs.context import RunContext
from designs.monitoring.errors.event import build_event
from designs.monitoring.errors.store import ErrorStore, RecordResult
from designs.monitoring.fingerprint import fingerprint_message
from integrations.redis import redis_for

__all__ = ["NOON", "messages", "raw", "record", "store"]

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def store() -> ErrorStore:
    return ErrorStore()


def record(store: ErrorStore, message: str, *, operation: str = "", traceback: str = "", **facts: Any) -> RecordResult:
    event = build_event(message, RunContext(), **facts)
    return store.record(event, fingerprint_message(message), traceback=traceback, operation=operation)


def messages(store: ErrorStore, limit: int = 100) -> list[str]:
    return [found["error_message"] for found in store.recent(limit)]


def raw(command: str, *args: Any) -> Any:
    return redis_for(settings.REDIS_URL).run(lambda client: client.execute_command(command, *args))
