"""SDK transport that stores error events before it sends them, until Sentry has answered.

Other envelopes (check-ins, transactions, client reports) are not stored, since they are worthless later. Errors leave
room for them in the SDK's queue, so that a storm does not displace a check-in.

Private methods of the SDK used here: ``_prepare_envelope``, ``_update_headers``, ``_request``, ``_update_rate_limits``,
``_check_disabled``, ``_flush_client_reports``, ``_disabled_until``, ``_worker``; ``tests/integrations/sentry/
test_transport_contract.py`` tests the behaviour expected of each.
"""

from __future__ import annotations

import gzip
import json
import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple

import sentry_sdk
import urllib3
from sentry_sdk.consts import EndpointType
from sentry_sdk.envelope import Envelope, Item
from sentry_sdk.transport import HttpTransport
from sentry_sdk.utils import capture_internal_exceptions, format_timestamp

from integrations.sentry.envelope_items import cut_envelope
from integrations.sentry.integration import EnginelIntegration
from integrations.sentry.outbox.lost_events import losses
from integrations.sentry.outbox.stream import Waiting
from integrations.sentry.outbox.writer import Keeper, Kept, poll_spool, spool

__all__ = ["Answer", "OutboxTransport"]

logger = logging.getLogger("enginel.sentry")

PERMANENT = frozenset({400, 413, 422})
"""Status codes for an envelope that Sentry will never accept."""

PAUSE_SECONDS = 10.0
"""How long a process leaves events to replay after a failure, so that a dead Sentry costs it few attempts."""

_QUEUE_SHARE = 0.8
"""Share of the SDK's queue that errors may fill; the rest is for envelopes that are not stored."""

_DEFAULT_LIMIT_SECONDS = 60


class Answer(NamedTuple):
    """Result of a request to Sentry.

    Attributes:
        outcome: ``accepted``, ``dead`` (never try again) or ``left`` (later).
        why: ``status_NNN``, or ``network``.
        limited_until: When Sentry accepts errors again, seconds since 1970; 0 without a limit.
    """

    outcome: str
    why: str
    limited_until: float


class OutboxTransport(HttpTransport):
    """Sends as the SDK does, but stores error events first; see the module."""

    TIMEOUT = 10  # seconds; the SDK's 30 on a stuck connection would delay check-ins too long

    def __init__(self, options: dict[str, Any]) -> None:
        super().__init__(options)
        self._keeper = Keeper()
        self._paused_until = 0.0
        folder = spool()
        if folder is not None and not folder.is_empty():
            # A killed process left it behind.
            poll_spool()

    def capture_envelope(self, envelope: Envelope) -> None:
        self._cut(envelope)
        event_id = _event_id(envelope)
        if event_id is None:
            super().capture_envelope(envelope)
            return
        try:
            self._capture(envelope, event_id)
        except Exception:  # whatever went wrong: try to send the event without a stored copy
            logger.warning("an event for Sentry could not be kept", exc_info=True)
            super().capture_envelope(envelope)

    def record_lost_event(
        self, reason: str, data_category: Any = None, item: Item | None = None, *, quantity: int = 1
    ) -> None:
        category = item.data_category if item is not None else data_category
        if category in {"error", "default", "monitor", "transaction"}:
            losses.record(reason, 1 if item is not None else quantity)
        super().record_lost_event(reason, data_category, item, quantity=quantity)

    def flush(self, timeout: float, callback: Any = None) -> None:
        super().flush(timeout, callback)
        losses.flush()

    def post(self, raw: bytes, timeout_seconds: float) -> Answer:
        """Send a stored envelope from this thread, with the current time as ``sent_at``. Never raises."""
        head, _, rest = raw.partition(b"\n")
        headers = json.loads(head)
        headers["sent_at"] = format_timestamp(datetime.now(UTC))
        body = gzip.compress(json.dumps(headers).encode() + b"\n" + rest, compresslevel=6)
        request = {"Content-Type": "application/x-sentry-envelope", "Content-Encoding": "gzip"}
        return self._ask(body, request, timeout_seconds)

    def _cut(self, envelope: Envelope) -> None:
        integration = sentry_sdk.get_client().get_integration(EnginelIntegration)
        try:
            if integration is not None:
                cut_envelope(envelope, integration.scrubber)
        except Exception:
            # ``before_send`` has scrubbed the event, but no other item.
            logger.warning("an envelope for Sentry could not be scrubbed; its event is sent alone", exc_info=True)
            envelope.items[:] = [item for item in envelope.items if item.type == "event"]

    def _capture(self, envelope: Envelope, event_id: str) -> None:
        waiting = Waiting(event_id, time.time() * 1000, envelope.serialize())
        why = self._not_now()
        kept = self._keeper.keep(waiting, lease=not why)
        if why:
            if kept.place == "memory":
                losses.record(why)
        elif not self._worker.submit(lambda: self._deliver(kept, envelope)):
            self._keeper.left(kept, "queue_overflow", asked=False)

    def _deliver(self, kept: Kept, envelope: Envelope) -> None:
        """Send an envelope from the SDK's thread."""
        with capture_internal_exceptions():
            if (why := self._not_now(queued=True)) or (why := _refusal(self._keeper.claim(kept))):
                if why != "taken":
                    self._keeper.left(kept, why, asked=False)
                return
            envelope.headers["sent_at"] = format_timestamp(datetime.now(UTC))
            prepared = self._prepare_envelope(envelope)
            if prepared is None:
                self._keeper.left(kept, "ratelimit_backoff", asked=False)
                return
            _, body, headers = prepared
            answer = self._ask(body.getvalue(), headers, self.TIMEOUT)
            if answer.outcome == "accepted":
                self._paused_until = 0.0
                self._keeper.accepted(kept, answer.limited_until)
            elif answer.outcome == "dead":
                self.on_dropped_event(answer.why)
                self._keeper.dead(kept, answer.why)
            else:
                self.on_dropped_event(answer.why)
                self._paused_until = time.monotonic() + PAUSE_SECONDS
                self._keeper.left(kept, answer.why, asked=True, limited_until=answer.limited_until)
            self._flush_client_reports()
        losses.flush()

    def _ask(self, body: bytes, headers: dict[str, str], timeout_seconds: float) -> Answer:
        self._update_headers(headers)
        try:
            response = self._request("POST", EndpointType.ENVELOPE, body, headers, timeout_seconds)
        except (urllib3.exceptions.HTTPError, OSError, ValueError):
            return Answer("left", "network", 0.0)
        try:
            self._note_limits(response)
        finally:
            response.close()
        taken = 200 <= response.status < 300
        outcome = "accepted" if taken else "dead" if response.status in PERMANENT else "left"
        return Answer(outcome, f"status_{response.status}", self._limited_until())

    def _request(
        self,
        method: str,
        endpoint_type: EndpointType,
        body: Any,
        headers: Mapping[str, str],
        timeout_seconds: float | None = None,
    ) -> urllib3.BaseHTTPResponse:
        # One attempt, without urllib3's retries: a failed event stays in the outbox.
        return self._pool.request(
            method,
            self._auth.get_api_url(endpoint_type),
            body=body,
            headers=headers,
            timeout=urllib3.Timeout(total=timeout_seconds or self.TIMEOUT),
            retries=False,
        )

    def _note_limits(self, response: urllib3.BaseHTTPResponse) -> None:
        try:
            self._update_rate_limits(response)
            if response.status >= 500 and (seconds := response.headers.get("Retry-After")):
                self._limit(None, self._retry.parse_retry_after(seconds))
        except (ValueError, OverflowError, urllib3.exceptions.HTTPError):
            # The header is malformed.
            self._limit("error", _DEFAULT_LIMIT_SECONDS)
        if response.status == 429 and not self._limited_until():
            self._limit("error", _DEFAULT_LIMIT_SECONDS)

    def _limit(self, category: Literal["error"] | None, seconds: float) -> None:
        self._disabled_until[category] = datetime.now(UTC) + timedelta(seconds=seconds)

    def _limited_until(self) -> float:
        """Return the end of the rate limit on errors (seconds since 1970); 0 without one."""
        moments = [self._disabled_until[name] for name in ("error", None) if name in self._disabled_until]
        latest = max((moment.timestamp() for moment in moments), default=0.0)
        return latest if latest > time.time() else 0.0

    def _not_now(self, *, queued: bool = False) -> str:
        """Return the reason to leave an event to replay; empty when this process may send it now."""
        if self._check_disabled("error"):
            return "ratelimit_backoff"
        if time.monotonic() < self._paused_until:
            return "network_error"
        worker: Any = self._worker
        queue = worker._queue  # noqa: SLF001 - the public method returns only whether it is full
        if not queued and queue.qsize() >= self.options["transport_queue_size"] * _QUEUE_SHARE:
            return "queue_overflow"
        return ""


def _refusal(claim: str) -> str:
    # A delivered event needs no sending, like one that another process sends.
    return {"ok": "", "done": "taken", "taken": "taken", "limited": "ratelimit_backoff"}[claim]


def _event_id(envelope: Envelope) -> str | None:
    """Return the id of the error event in an envelope; None when it holds none."""
    if not any(item.type == "event" for item in envelope.items):
        return None
    event = envelope.get_event() or {}
    return str(event.get("event_id") or envelope.headers.get("event_id") or "") or None
