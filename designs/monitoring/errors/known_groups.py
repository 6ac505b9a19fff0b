"""What a process has learnt of groups: which Redis describes, and under which key each of its failures counts."""

from __future__ import annotations

import threading
from collections import OrderedDict

from designs.monitoring.errors.record_result import RecordResult
from designs.monitoring.fingerprint.model import Fingerprint

__all__ = ["KnownGroups", "known_groups"]

_KNOWN_GROUPS_MAX = 2_048
_KEPT_TRACEBACKS_MAX = 256
"""Tracebacks kept for log lines (4 MB): each is at most 16 KiB."""


class KnownGroups:
    """Groups that Redis holds with facts and traceback, as far as this process knows: they need not be sent again.

    And groups of other keys that count failures of this process: the next occurrence is sent under that key.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._keys: OrderedDict[str, None] = OrderedDict()
        # By the aliases as well: they tell bugs apart that have one key here.
        self._joined: OrderedDict[tuple[str, tuple[str, ...]], Fingerprint] = OrderedDict()
        self._tracebacks: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.RLock()

    def knows(self, key: str) -> bool:
        return key in self._keys

    def joined(self, own: Fingerprint) -> Fingerprint:
        """Return the fingerprint under the key of the group that counts it, as far as this process knows."""
        return self._joined.get((own.key, own.aliases), own) if self._joined else own

    def settle(self, own: Fingerprint, sent: Fingerprint, result: RecordResult) -> Fingerprint:
        """Return the fingerprint under the key of the group that counted an occurrence, and remember it.

        Args:
            own: As the failure has it.
            sent: The same under the key that was sent.
            result: The answer.
        """
        if result.joined:
            with self._lock:
                sent = self._joined[own.key, own.aliases] = own.joined_to(result.joined)
                if len(self._joined) > _KNOWN_GROUPS_MAX:
                    self._joined.popitem(last=False)
        elif result.is_new and sent is not own:
            # Its group went meanwhile. Another process may have begun one under this one's own key.
            with self._lock:
                self._joined.pop((own.key, own.aliases), None)
        return sent

    def traceback_of(self, key: str) -> str:
        """Return the traceback this process formatted for a group; empty for one that is long ago."""
        return self._tracebacks.get(key, "")

    def learn(self, key: str, traceback: str = "") -> None:
        """Note that Redis describes a group."""
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
