"""The SDK as the service starts it, with a transport that keeps the envelopes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import pytest
import sentry_sdk
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import RequestFactory, override_settings
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

from designs.monitoring.sentry.sdk_start import start_sentry

__all__ = ["DSN", "Collecting", "answer", "serve", "started", "transport"]

DSN = "http://public@127.0.0.1:9/5"


class Collecting(Transport):
    """Keeps envelopes instead of sending them: the events in them, the items of other kinds, and all bytes."""

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        self.events: list[dict[str, Any]] = []
        self.others: list[tuple[str, Any]] = []
        self.raw: list[bytes] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        self.raw.append(envelope.serialize())
        for item in envelope.items:
            payload: Any = item.payload.json
            if item.type == "event":
                self.events.append(payload)
            else:
                self.others.append((str(item.type), payload))


@contextmanager
def started(**changed: Any) -> Iterator[Collecting]:
    """Run with Sentry on, as the settings say."""
    known = {"SENTRY_DSN": DSN, "ENGINEL_ENVIRONMENT": "staging", "ENGINEL_RELEASE": "1.2.3"}
    with override_settings(**{**known, **changed}):
        assert start_sentry()
        client = sentry_sdk.get_client()
        if client.transport is not None:
            client.transport.kill()
        transport = client.transport = Collecting(client.options)
        try:
            # What another test left in the scopes is none of this one's business.
            with sentry_sdk.isolation_scope() as scope:
                scope.clear()
                yield transport
        finally:
            client.close(timeout=0)
            sentry_sdk.get_global_scope().set_client(None)


@pytest.fixture
def transport() -> Iterator[Collecting]:
    with started() as transport:
        yield transport


@lru_cache(maxsize=4)
def _handler(middleware: tuple[str, ...]) -> WSGIHandler:
    # As a server has it: made once.
    return WSGIHandler()


def serve(path: str, **environ: str) -> tuple[int, bytes]:
    """Answer a request as a WSGI server does: the SDK wraps the handler, which Django's test client goes around."""
    for signal in (request_started, request_finished):
        # As Django's client does: the test's connections stay as they are.
        signal.disconnect(close_old_connections)
    try:
        return answer(path, **environ)
    finally:
        for signal in (request_started, request_finished):
            signal.connect(close_old_connections)


def answer(path: str, **environ: str) -> tuple[int, bytes]:
    """Do it in a process that is no test: each `serve` leaves a little of Django's signals behind."""
    statuses: list[str] = []
    request = RequestFactory().get(path, **environ)  # type: ignore[arg-type]

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        statuses.append(status)

    response = _handler(tuple(settings.MIDDLEWARE))(request.environ, start_response)
    try:
        body = b"".join(response)
    finally:
        if hasattr(response, "close"):
            response.close()
    return int(statuses[0].split()[0]), body
