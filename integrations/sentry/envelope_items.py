"""Envelope parts that bypass ``before_send``: sessions, profiles, user reports, attachments and headers."""

from __future__ import annotations

import re
from typing import Any

from sentry_sdk.envelope import Envelope, Item, PayloadRef

from integrations.sentry.types import Scrubber
from integrations.sentry.withheld_events import MARK

__all__ = ["cut_envelope"]

_WITHHELD = "[withheld]"
_HEAD = frozenset({"event_id", "sent_at", "dsn", "sdk", "trace"})
_TRACE = frozenset(
    {"trace_id", "environment", "release", "public_key", "org_id", "sample_rate", "sample_rand", "sampled"}
)
_OF_SESSION = frozenset({"release", "environment"})
# Only the application sends these; the SDK passes them on unchanged.
_GIVEN = frozenset({"user_report", "attachment", "feedback", "replay_event", "replay_recording"})
_PROFILES = frozenset({"profile", "profile_chunk"})
# Thread names assigned by Python, and those of the service and the SDK.
_THREAD = re.compile(
    r"MainThread|Thread-\d+(?: \(\w+\))?|ThreadPoolExecutor-\d+_\d+|Dummy-\d+|(?:enginel|sentry)[\w.-]*\Z"
)


def cut_envelope(envelope: Envelope, scrubber: Scrubber) -> None:
    """Remove content of controlled work from an envelope, in place.

    Threads of the SDK send sessions and profiles, outside of the context that marks controlled work. So user and
    thread names are checked in all of them.
    """
    is_marked = any(_is_marked(item) for item in envelope.items if item.type in {"event", "transaction"})
    if is_marked or (scrubber.withholds is not None and scrubber.withholds(None)):
        _cut_head(envelope.headers)
        envelope.items[:] = [item for item in envelope.items if item.type not in _GIVEN | _PROFILES]
    for item in envelope.items:
        if item.type == "session":
            _change(item, _session(item.payload.json, scrubber))
        elif item.type in _PROFILES:
            _change(item, _profile(item.payload.json, scrubber))


def _is_marked(item: Item) -> bool:
    event: Any = item.payload.json
    return isinstance(event, dict) and MARK in (event.get("tags") or {})


def _cut_head(headers: dict[str, Any]) -> None:
    for name in headers.keys() - _HEAD:
        del headers[name]
    if isinstance(trace := headers.get("trace"), dict):
        headers["trace"] = {name: value for name, value in trace.items() if name in _TRACE}


def _change(item: Item, payload: Any) -> None:
    if payload is not None:
        item.payload = PayloadRef(json=payload)


def _session(session: Any, scrubber: Scrubber) -> Any:
    if not isinstance(session, dict):
        return None
    attributes = session.get("attrs") or {}
    kept = {**session, "attrs": {name: value for name, value in attributes.items() if name in _OF_SESSION}}
    if "did" in kept and not scrubber.is_id(kept["did"]):
        del kept["did"]
    return kept


def _profile(payload: Any, scrubber: Scrubber) -> Any:
    profile = payload.get("profile") if isinstance(payload, dict) else None
    if not isinstance(profile, dict):
        return None
    threads = profile.get("thread_metadata") or {}
    named = {key: {**thread, "name": _thread(thread.get("name"))} for key, thread in threads.items()}
    return {**payload, "profile": {**profile, "thread_metadata": named}, **_chunk(payload, profile, named, scrubber)}


def _chunk(payload: dict[str, Any], profile: dict[str, Any], named: dict[str, Any], scrubber: Scrubber) -> Any:
    """Return the profile of a continuous profiler's chunk. It covers all running code, so controlled work too."""
    if "chunk_id" not in payload:
        return {}
    frames = [_frame(frame, scrubber) for frame in profile.get("frames") or ()]
    return {"profile": {**profile, "thread_metadata": named, "frames": frames}}


def _thread(name: Any) -> str:
    return name if isinstance(name, str) and _THREAD.match(name) else _WITHHELD


def _frame(frame: dict[str, Any], scrubber: Scrubber) -> dict[str, Any]:
    # Code generated at run time may have any name.
    if scrubber.knows_frame(*(str(frame.get(name) or "") for name in ("module", "abs_path", "function"))):
        return frame
    return {**frame, "filename": _WITHHELD, "abs_path": _WITHHELD, "module": _WITHHELD, "function": _WITHHELD}
