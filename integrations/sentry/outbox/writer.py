"""Writer of the outbox: stores an envelope in Redis, else in this host's spool, else not at all.

Nothing here raises, and nothing waits longer than one Redis timeout per breaker window.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import NamedTuple

from integrations.redis import RedisUnavailable
from integrations.sentry.outbox.lost_events import losses
from integrations.sentry.outbox.spool import Spool, SpoolFull
from integrations.sentry.outbox.stream import Outbox, Waiting, config, outbox, token

__all__ = ["Keeper", "Kept", "drain_spool", "spool"]

logger = logging.getLogger("enginel.sentry")

POLL_SECONDS = 1.0
"""How often a process tries Redis again while this host's spool is not empty."""

_poller_lock = threading.RLock()
_poller: list[threading.Thread] = []


class Kept(NamedTuple):
    """An envelope on its way, and the place of its stored copy.

    Attributes:
        waiting: The envelope.
        owner: Token of the process that captured it.
        place: ``outbox``, ``spool``, or ``memory`` (no stored copy).
    """

    waiting: Waiting
    owner: str
    place: str


class Keeper:
    """Records each step of an envelope in the outbox, or in the spool while Redis is away."""

    def keep(self, waiting: Waiting, *, lease: bool) -> Kept:
        """Store an envelope. With ``lease`` this process may send it, else replay may at once."""
        owner, seconds = token(), config().lease_seconds if lease else 0.0
        store = outbox()
        if store is not None:
            try:
                store.add(waiting, owner, seconds)
                return Kept(waiting, owner, "outbox")
            except RedisUnavailable:
                pass
        folder = spool()
        if folder is not None:
            try:
                folder.append(waiting, owner, time.time() + seconds)
                poll_spool()
                return Kept(waiting, owner, "spool")
            except SpoolFull as error:
                logger.warning("the spool of Sentry events has no room: %s", error)
        return Kept(waiting, owner, "memory")

    def claim(self, kept: Kept) -> str:
        """Return ``ok`` when this process may send it now, else the reason: ``done``, ``taken`` or ``limited``."""
        store = outbox()
        if store is None:
            return "ok"
        if kept.owner != token():
            # A fork copied the queue of its parent. The parent sends it.
            return "taken"
        try:
            return store.claim(kept.waiting.event_id, kept.owner, config().lease_seconds)
        except RedisUnavailable:
            # No other process can claim it while Redis is away. Sentry ignores a repeated event id.
            return "ok"

    def accepted(self, kept: Kept, limited_until: float) -> None:
        store = outbox()
        event_id = kept.waiting.event_id
        if store is not None:
            try:
                store.accepted(event_id, by="live", limited_until=limited_until)
            except RedisUnavailable:
                pass
            else:
                return
        folder = spool()
        if folder is not None:
            try:
                folder.delivered(event_id)
                poll_spool()
            except SpoolFull as error:
                logger.warning("a delivered event may be sent again: %s", error)

    def dead(self, kept: Kept, why: str) -> None:
        store = outbox()
        if store is not None:
            try:
                store.dead(kept.waiting, why, by="live")
            except RedisUnavailable:
                pass
            else:
                return
        if kept.place == "memory":
            losses.record(why)
        # Otherwise replay sends it once more, and moves it to the dead letters then.

    def left(self, kept: Kept, why: str, *, asked: bool, limited_until: float = 0.0) -> Kept:
        """Leave an envelope to replay. Without a stored copy, try to store it again, else count it as lost."""
        if kept.place == "memory":
            kept = self.keep(kept.waiting, lease=False)
            if kept.place == "memory":
                losses.record(why)
                return kept
        store = outbox()
        if store is not None:
            try:
                by = "live" if asked else ""
                store.left(kept.waiting.event_id, why, kept.owner, by=by, limited_until=limited_until)
            except RedisUnavailable:
                pass
        return kept


def spool() -> Spool | None:
    folder = config().spool_dir
    return Spool(folder) if folder is not None else None


def drain_spool(store: Outbox) -> int:
    """Move this host's spool into the outbox; return the number of envelopes moved.

    Raises:
        RedisUnavailable: Redis does not answer; the remaining envelopes stay in the spool.
    """
    folder = spool()
    if folder is None or folder.is_empty():
        return 0
    moved, damaged = folder.drain(store.add, lambda event_id: store.accepted(event_id, by="live"))
    losses.record("spool_damaged", damaged)
    return moved


def poll_spool() -> None:
    """Start a thread that moves the spool into the outbox, in case this process captures no further event."""
    with _poller_lock:
        if _poller and _poller[0].is_alive():
            return
        thread = threading.Thread(target=_poll, name="enginel-sentry-spool", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            # The interpreter is shutting down. Another process of this host drains the spool.
            return
        _poller[:] = [thread]


def _poll() -> None:
    while True:
        time.sleep(POLL_SECONDS)
        store, folder = outbox(), spool()
        if store is None or folder is None:
            return
        try:
            drain_spool(store)
            losses.flush()
        except RedisUnavailable:
            continue
        except OSError as error:
            logger.warning("the spool of Sentry events cannot be read: %s", type(error).__name__)
            continue
        with _poller_lock:
            if folder.is_empty():
                _poller.clear()
                return


def reset() -> None:
    """Forget the parent's poller after a fork; another thread may have held its lock."""
    global _poller_lock  # noqa: PLW0603 - one lock a process
    _poller_lock = threading.RLock()
    _poller.clear()
