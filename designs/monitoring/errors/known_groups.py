"""Per-process cache of error groups: which ones Redis already describes, and which key counts each failure."""

from __future__ import annotations

import threading
from collections import OrderedDict

from designs.monitoring.errors.record_result import RecordResult
from designs.monitoring.fingerprint.model import Fingerprint

__all__ = ["KnownGroups", "known_groups"]

_KNOWN_GROUPS_MAX = 2_048
_KEPT_TRACEBACKS_MAX = 256
"""Number of tracebacks kept for log lines (4 MB in total): each is at most 16 KiB."""


class KnownGroups:
    """Groups known to this process. Redis holds their facts and traceback, so they need not be sent again.

    Also maps a failure's own fingerprint to the group of another key that counts it: the next occurrence is sent under
    that key.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._keys: OrderedDict[str, None] = OrderedDict()
        # Keyed by the aliases as well: they distinguish bugs that share one key here.
        self._joined: OrderedDict[tuple[str, tuple[str, ...]], Fingerprint] = OrderedDict()
        self._tracebacks: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.RLock()

    def knows(self, key: str) -> bool:
        """Return whether Redis already describes this group."""
        return key in self._keys

    def joined(self, own: Fingerprint) -> Fingerprint:
        """Return the fingerprint with the key of the group that counts it, if known; else unchanged."""
        return self._joined.get((own.key, own.aliases), own) if self._joined else own

    def settle(self, own: Fingerprint, sent: Fingerprint, result: RecordResult) -> Fingerprint:
        """Remember the group that counted an occurrence; return the fingerprint with that group's key.

        Args:
            own: Fingerprint of the failure.
            sent: The same with the key that was sent.
            result: Result of the record command.
        """
        if result.joined:
            with self._lock:
                sent = self._joined[own.key, own.aliases] = own.joined_to(result.joined)
                if len(self._joined) > _KNOWN_GROUPS_MAX:
                    self._joined.popitem(last=False)
        elif result.is_new and sent is not own:
            # The joined group has been removed. Another process may have created a group under the failure's own key.
            with self._lock:
                self._joined.pop((own.key, own.aliases), None)
        return sent

    def traceback_of(self, key: str) -> str:
        """Return the traceback that this process formatted for a group; empty if it was evicted."""
        return self._tracebacks.get(key, "")

    def learn(self, key: str, traceback: str = "") -> None:
        """Remember that Redis describes a group."""
        if key in self._keys:
            return
        with self._lock:
            self._keys[key] = None
            if len(self._keys) > _KNOWN_GROUPS_MAX:
                self._keys.popitem(last=False)
            if traceback:
                self._tracebacks[key] = traceback
                if len(self._tracebacks) > _KEPT_TRACEBACKS_MAX:
                    self._tracebacks.popitem(last=False)


known_groups = KnownGroups()
