"""Keeping envelopes wherever there is room: the outbox in Redis, else the spool of this host, else nowhere.

Nothing here raises, and nothing waits longer than Redis' timeout once a breaker window.
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
"""How often a process looks whether Redis is back while this host's spool holds something."""

_poller_lock = threading.RLock()
_poller: list[threading.Thread] = []


class Kept(NamedTuple):
    """An envelope on its way, and where a copy of it is.

    Attributes:
        waiting: The envelope.
        owner: Who captured it.
        place: ``outbox``, ``spool``, or ``memory``: nowhere else.
    """

    waiting: Waiting
    owner: str
    place: str


class Keeper:
    """What the transport tells of envelopes, told to the outbox, or to the spool while Redis is away."""

    def keep(self, waiting: Waiting, *, lease: bool) -> Kept:
        """Keep an envelope; with ``lease`` for this process to send, else for replay."""
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
        """Return ``ok`` when this process may send it now, else why not: ``done``, ``taken``, ``limited``."""
        store = outbox()
        if store is None:
            return "ok"
        if kept.owner != token():
            # The queue of a parent, copied by a fork: the parent sends it.
            return "taken"
        try:
            return store.claim(kept.waiting.event_id, kept.owner, config().lease_seconds)
        except RedisUnavailable:
            # Nobody else can be sending it. Sentry takes an event id once, should it come again.
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
        # Else replay will ask once more, and put it aside then.

    def left(self, kept: Kept, why: str, *, asked: bool, limited_until: float = 0.0) -> Kept:
        """Leave it to replay; of what is nowhere else, try again to keep it, or count it as lost for ``why``."""
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
    """Read this host's spool back into the outbox; return how many envelopes went.

    Raises:
        RedisUnavailable: Redis does not answer; what has not gone stays.
    """
    folder = spool()
    if folder is None or folder.is_empty():
        return 0
    handed_over, damaged = folder.drain(store.add, lambda event_id: store.accepted(event_id, by="live"))
    losses.record("spool_damaged", damaged)
    return handed_over


def poll_spool() -> None:
    """See to it that the spool is read back, even if this process captures nothing more."""
    with _poller_lock:
        if _poller and _poller[0].is_alive():
            return
        thread = threading.Thread(target=_poll, name="enginel-sentry-spool", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            # The interpreter is ending: the next process of this host does it.
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
