"""What Sentry gets from us besides the occurrences that pass the gate: scrubbed text, and summaries of what did not."""

from __future__ import annotations

import json
import os
import threading
import zlib
from collections import OrderedDict
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from designs.conf import conf
from designs.monitoring.errors import store
from designs.monitoring.guard import guarded
from designs.monitoring.redaction import redact, redacted_str
from integrations.redis import RedisUnavailable
from integrations.sentry import Scrubber, is_on, send_summary

__all__ = ["SCRUBBER", "keep_template", "send_window_summaries"]

MAX_TEMPLATE_BYTES = 32 * 1024
"""Of a compressed template; one that is larger is not kept, and its summaries go without a stack."""

_CACHED_CHARS = 512
_KEPT_MAX = 2_048
# What belongs to one occurrence only, or costs more than a summary is worth.
_OF_ONE = ("breadcrumbs", "extra", "modules", "request", "spans", "threads", "user", "event_id", "timestamp", "_meta")


def _text(text: str, max_chars: int) -> str:
    if len(text) > _CACHED_CHARS:
        return redacted_str(text, max_chars)
    return _cached(text, max_chars, conf.redact_email, conf.redact_ip)


@lru_cache(maxsize=4_096)
def _cached(text: str, max_chars: int, *settings: bool) -> str:
    # Source lines come again with every event of their function. The settings are part of the key only.
    return redacted_str(text, max_chars)


SCRUBBER = Scrubber(text=_text, value=redact)


class _Kept:
    """Groups whose template this process has seen stored."""

    def __init__(self) -> None:
        self.start_over()

    def start_over(self) -> None:
        self._keys: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.RLock()

    def add(self, key: str) -> bool:
        """Note a group; False if it was noted before."""
        with self._lock:
            if key in self._keys:
                return False
            self._keys[key] = None
            if len(self._keys) > _KEPT_MAX:
                self._keys.popitem(last=False)
            return True

    def discard(self, key: str) -> None:
        with self._lock:
            self._keys.pop(key, None)


kept = _Kept()
# Another thread may have held the lock while the process forked.
os.register_at_fork(after_in_child=kept.start_over)


def keep_template(key: str, event: Mapping[str, Any]) -> None:
    """Store a group's first event as the template of its summaries, for as long as the group itself.

    Args:
        key: Fingerprint.
        event: As it is sent, scrubbed.
    """
    with guarded("keep_template"):
        if not kept.add(key):
            return
        packed = zlib.compress(json.dumps(_slim(event)).encode(), 1)
        if len(packed) > MAX_TEMPLATE_BYTES:
            return
        try:
            store.keep_template(key, packed)
        except RedisUnavailable:
            kept.discard(key)


def send_window_summaries(limit: int = 100) -> int:
    """Send one summary for each group whose window ended with occurrences nobody was told of; return how many."""
    if not is_on():
        return 0
    try:
        due = store.due_summaries(limit=limit)
        templates = store.templates([row["fingerprint"] for row in due])
    except RedisUnavailable:
        return 0
    for row, packed in zip(due, templates, strict=True):
        with guarded("send_summary"):
            send_summary(_unpacked(packed), row, conf.window_seconds)
    return len(due)


def _slim(event: Mapping[str, Any]) -> dict[str, Any]:
    slim = {name: value for name, value in event.items() if name not in _OF_ONE}
    slim["contexts"] = {
        name: value for name, value in (event.get("contexts") or {}).items() if name in {"runtime", "os"}
    }
    values = (event.get("exception") or {}).get("values")
    if values:
        slim["exception"] = {"values": [_slim_exception(value) for value in values]}
    return slim


def _slim_exception(value: Mapping[str, Any]) -> dict[str, Any]:
    frames = ((value.get("stacktrace") or {}).get("frames")) or []
    bare = [
        {name: item for name, item in frame.items() if name not in {"vars", "pre_context", "post_context"}}
        for frame in frames
    ]
    return {**value, "stacktrace": {"frames": bare}} if bare else dict(value)


def _unpacked(packed: bytes | None) -> dict[str, Any] | None:
    if not packed:
        return None
    template: dict[str, Any] = json.loads(zlib.decompress(packed))
    return template
