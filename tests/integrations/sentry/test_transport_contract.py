"""What the transport uses of the SDK's insides. When one of these fails after an upgrade, read what it says, look at
``sentry_sdk/transport.py`` of the new version, and change ``integrations/sentry/transport.py`` with it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import urllib3
from sentry_sdk.consts import EndpointType
from sentry_sdk.envelope import Envelope, Item, PayloadRef
from sentry_sdk.transport import BaseHttpTransport, HttpTransport, HttpTransportCore, Transport
from sentry_sdk.worker import BackgroundWorker

from tests.support.outbox_transport import sdk

DSN = "http://public@127.0.0.1:9/5"


@pytest.fixture
def transport() -> Iterator[Any]:
    with sdk(DSN) as running:
        yield running


def parameters(function: Any) -> list[str]:
    return list(inspect.signature(function).parameters)


@pytest.mark.parametrize(
    ("owner", "name", "wanted", "why"),
    [
        (BaseHttpTransport, "capture_envelope", ["self", "envelope"], "overridden: the way in of every envelope"),
        (Transport, "record_lost_event", ["self", "reason", "data_category", "item", "quantity"], "overridden"),
        (HttpTransportCore, "on_dropped_event", ["self", "_reason"], "called when an attempt failed"),
        (HttpTransportCore, "_prepare_envelope", ["self", "envelope"], "called: drops limited items, compresses"),
        (HttpTransportCore, "_update_headers", ["self", "headers"], "called: puts the authentication in"),
        (HttpTransportCore, "_update_rate_limits", ["self", "response"], "called: reads 429 and its headers"),
        (HttpTransportCore, "_check_disabled", ["self", "category"], "called before sending"),
        (HttpTransport, "_request", ["self", "method", "endpoint_type", "body", "headers"], "overridden: one attempt"),
        (BaseHttpTransport, "_flush_client_reports", ["self", "force"], "called after each delivery"),
        (
            BaseHttpTransport,
            "_send_request",
            ["self", "body", "headers", "endpoint_type", "envelope"],
            "runs for other envelopes, and calls the overridden _request",
        ),
        (
            HttpTransportCore,
            "_handle_request_error",
            ["self", "envelope", "loss_reason", "record_reason"],
            "runs for other envelopes, and must count by record_lost_event",
        ),
        (BackgroundWorker, "submit", ["self", "callback"], "called: queues a delivery, False when full"),
    ],
)
def test_a_method_is_there_and_takes_what_it_took(owner: type, name: str, wanted: list[str], why: str) -> None:
    assert hasattr(owner, name), f"{owner.__name__}.{name} has gone ({why})"
    assert parameters(getattr(owner, name)) == wanted, f"{owner.__name__}.{name} has changed ({why})"


def test_the_state_that_is_read_is_there(transport: Any) -> None:
    assert transport._disabled_until == {}, "rate limits by category; read to tell the outbox"
    assert transport._worker._queue.qsize() == 0, "how full the queue is; read to leave room for check-ins"
    assert isinstance(transport._pool, urllib3.PoolManager), "used by the overridden _request"
    assert transport._auth.get_api_url(EndpointType.ENVELOPE).endswith("/api/5/envelope/")
    assert transport._retry.parse_retry_after("7") == 7
    assert transport.options["transport_queue_size"] == 100


def test_prepare_envelope_drops_what_is_limited_and_keeps_the_rest(transport: Any) -> None:
    envelope = Envelope(headers={"event_id": "a" * 32})
    envelope.add_event({"event_id": "a" * 32})
    assert transport._prepare_envelope(envelope)[2]["Content-Encoding"] == "gzip"

    transport._disabled_until["error"] = datetime(2100, 1, 1, tzinfo=UTC)

    assert transport._prepare_envelope(envelope) is None
    assert transport._check_disabled("error")
    assert not transport._check_disabled("monitor")


@pytest.mark.parametrize(
    ("status", "headers", "limited"),
    [
        (200, {}, []),
        (429, {"Retry-After": "9"}, [None]),
        (429, {}, [None]),
        (200, {"X-Sentry-Rate-Limits": "9:error;transaction:org"}, ["error", "transaction"]),
    ],
)
def test_update_rate_limits_reads_the_headers(
    transport: Any, status: int, headers: dict[str, str], limited: list[str | None]
) -> None:
    transport._update_rate_limits(urllib3.HTTPResponse(status=status, headers=headers))

    assert list(transport._disabled_until) == limited


def test_a_failed_request_of_another_envelope_is_counted_by_item(
    transport: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost: list[tuple[str, str]] = []
    monkeypatch.setattr(
        transport, "record_lost_event", lambda reason, item=None, **more: lost.append((reason, item.data_category))
    )
    envelope = Envelope(items=[Item(payload=PayloadRef(json={}), type="check_in")])

    transport._handle_request_error(envelope, loss_reason="network")

    assert lost == [("network_error", "monitor")]


def test_an_envelope_is_written_with_its_headers_on_the_first_line() -> None:
    envelope = Envelope(headers={"event_id": "a" * 32, "sent_at": "2026-01-01T00:00:00Z"})
    envelope.add_event({"event_id": "a" * 32})
    head, _, rest = envelope.serialize().partition(b"\n")

    assert head.startswith(b'{"event_id"'), "replay rewrites the first line to change sent_at"
    assert Envelope.deserialize(head + b"\n" + rest).get_event() == {"event_id": "a" * 32}
