"""Replay of the outbox: oldest envelope first, in one process at a time, until Sentry refuses one."""

from __future__ import annotations

import time
from dataclasses import dataclass

import sentry_sdk

from integrations.redis import RedisUnavailable
from integrations.sentry.outbox.lost_events import losses
from integrations.sentry.outbox.stream import Outbox, Waiting, config, outbox, token
from integrations.sentry.outbox.writer import drain_spool
from integrations.sentry.transport import OutboxTransport

__all__ = ["ReplayResult", "replay_outbox"]

BOX_SECONDS = 8.0
"""Time limit of one replay: less than beat's interval of ten seconds."""

REQUEST_SECONDS = 5.0
_LOCK_SECONDS = 60.0


@dataclass
class ReplayResult:
    """Result of a replay.

    Attributes:
        state: ``off`` (no Sentry), ``away`` (no Redis), ``busy`` (another replay runs), ``limited``, ``refused``,
            ``empty`` (no envelope is left) or ``time`` (the next replay sends the rest).
        sent: Events delivered.
        dead: Events moved to the dead letters.
        why: Sentry's answer that ended it.
    """

    state: str
    sent: int = 0
    dead: int = 0
    why: str = ""


def replay_outbox(seconds: float = BOX_SECONDS) -> ReplayResult:
    """Send waiting envelopes for at most ``seconds``; the last request may exceed them."""
    transport = sentry_sdk.get_client().transport
    store = outbox()
    if store is None or not isinstance(transport, OutboxTransport):
        return ReplayResult("off")
    owner = f"{token()}-replay-{time.monotonic_ns()}"
    try:
        if not store.lock(owner, _LOCK_SECONDS):
            return ReplayResult("busy")
        try:
            drain_spool(store)
            return _replay(store, transport, owner, time.monotonic() + seconds)
        finally:
            store.unlock(owner)
            losses.flush()
    except RedisUnavailable:
        return ReplayResult("away")


def _replay(store: Outbox, transport: OutboxTransport, owner: str, deadline: float) -> ReplayResult:
    result = ReplayResult("time")
    while time.monotonic() < deadline:
        found = store.take_oldest(owner, config().lease_seconds)
        if found is None:
            result.state = "empty"
            return result
        if not isinstance(found, Waiting):
            result.state = "limited"
            return result
        answer = transport.post(found.envelope, REQUEST_SECONDS)
        if answer.outcome == "accepted":
            result.sent += 1
            store.accepted(found.event_id, by="replay", limited_until=answer.limited_until)
        elif answer.outcome == "dead":
            result.dead += 1
            store.dead(found, answer.why, by="replay")
        else:
            result.state, result.why = "refused", answer.why
            store.left(found.event_id, answer.why, owner, by="replay", limited_until=answer.limited_until)
            return result
    return result
