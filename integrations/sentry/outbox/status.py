"""Status of delivery to Sentry, for health checks, pages, metrics and commands."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import sentry_sdk

from integrations.redis import RedisUnavailable
from integrations.sentry.outbox.lost_events import losses
from integrations.sentry.outbox.stream import outbox
from integrations.sentry.outbox.writer import spool

__all__ = ["dead_letters", "delivery_of", "delivery_status", "flush"]

_DROPPED = "dropped:"


def delivery_status() -> dict[str, Any]:
    """Return the delivery status. Queries Redis only, and never raises.

    Returns:
        ``enabled``, ``reachable`` (None: not tried yet), ``outbox_depth``, ``outbox_oldest_seconds``,
        ``spool_depth`` (of this host), ``dead_letters``, ``accepted``, ``replayed``, ``dropped`` (by reason),
        ``rate_limited_until`` (ISO or None), ``last_answer``, ``store`` (``ok``, ``away`` or ``off``).
    """
    status: dict[str, Any] = {
        "enabled": sentry_sdk.get_client().is_active(),
        "reachable": None,
        "outbox_depth": 0,
        "outbox_oldest_seconds": 0.0,
        "spool_depth": 0,
        "dead_letters": 0,
        "accepted": 0,
        "replayed": 0,
        "dropped": {},
        "rate_limited_until": None,
        "last_answer": "",
        "store": "off",
    }
    folder = spool()
    if folder is not None:
        status["spool_depth"] = folder.depth()
    store = outbox()
    if store is not None:
        losses.flush()
        try:
            status.update(_shaped(store.facts()), store="ok")
        except RedisUnavailable:
            status["store"] = "away"
    status["dropped"] = dict(Counter(status["dropped"]) + Counter(losses.waiting()))
    return status


def delivery_of(event_id: str) -> str:
    """Return the delivery state of an event: ``delivered``, ``refused`` (for good), ``waiting`` or ``unknown``."""
    store = outbox()
    if store is None:
        return "unknown"
    try:
        return store.state_of(event_id)
    except RedisUnavailable:
        return "unknown"


def dead_letters() -> list[dict[str, Any]]:
    """Return the events that Sentry refused for good, newest first; empty while Redis is away.

    Returns:
        Dicts with ``event_id``, ``why``, ``at_ms`` (milliseconds since 1970) and ``bytes``.
    """
    store = outbox()
    try:
        return store.dead_letters() if store is not None else []
    except RedisUnavailable:
        return []


def flush(seconds: float) -> None:
    """Wait at most ``seconds`` until each event captured by this process is sent or left to the outbox."""
    sentry_sdk.flush(timeout=seconds)


def _shaped(facts: dict[str, Any]) -> dict[str, Any]:
    totals, remote = facts["totals"], facts["remote"]
    now = time.time()
    limited = int(remote.get("limited_until_ms", "0")) / 1000
    oldest = facts["oldest_ms"]
    return {
        "reachable": {"1": True, "0": False}.get(remote.get("reachable", "")),
        "outbox_depth": facts["depth"],
        "outbox_oldest_seconds": 0.0 if oldest is None else max(0.0, now - oldest / 1000),
        "dead_letters": facts["dead"],
        "accepted": totals.get("accepted", 0),
        "replayed": totals.get("replayed", 0),
        "dropped": {
            name.removeprefix(_DROPPED): number for name, number in totals.items() if name.startswith(_DROPPED)
        },
        "rate_limited_until": _iso(limited) if limited > now else None,
        "last_answer": remote.get("answer", ""),
    }


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
