"""The SDK's ``before_send``: removes secrets from complete events and bounds their size.

Works on the event as JSON, after all additions of the SDK. The SDK's own limit on text is far above the one here, so
that its cut leaves no half of a secret.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any

from integrations.sentry.request_secrets import FILTERED, filter_query, hide, secrets_of
from integrations.sentry.types import Scrubber
from integrations.sentry.withheld_events import is_marked, withhold

__all__ = ["SDK_MAX_CHARS", "scrub_event", "scrubbing"]

logger = logging.getLogger("enginel.sentry")

MAX_CHARS = 2_048
SDK_MAX_CHARS = MAX_CHARS + 4_096 + 8
"""The SDK's limit on text: ours, and the text that redaction searches behind it (`designs.monitoring.redaction`)."""

_MAX_LINE_CHARS = 512
# Written by the SDK or by us; names and numbers only.
_PLAIN = frozenset(
    {
        "event_id", "timestamp", "start_timestamp", "received", "level", "platform", "type", "sdk", "modules",
        "environment", "release", "dist", "server_name", "transaction_info", "measurements", "_meta", "debug_meta",
        "check_in_id", "monitor_slug", "monitor_config", "status", "duration",
    }
)  # fmt: skip

# Ids of fingerprints, traces and requests; some look like card numbers.
_ID = re.compile(r"(?:\d{1,3}:)?(?:[0-9a-f]{32}|[0-9a-f]{16})\Z")

Hook = Callable[[Any, Any], Any]


def scrubbing(scrubber: Scrubber) -> Hook:
    """Return the SDK's ``before_send``."""

    def before_send(event: Any, hint: Any) -> Any:
        try:
            if is_marked(event, scrubber):
                withhold(event, hint, scrubber)
            scrub_event(event, scrubber)
        except Exception:
            # Without its free text an event still shows where it happened.
            logger.warning("an event could not be scrubbed; it is sent without free text", exc_info=True)
            return {name: value for name, value in event.items() if name in _PLAIN | {"fingerprint"}}
        return event

    return before_send


def scrub_event(event: dict[str, Any], scrubber: Scrubber) -> None:
    """Remove secrets from a JSON-ready event, in place."""
    secrets = secrets_of(event.get("request"), scrubber)
    for name in list(event):
        if name not in _PLAIN:
            scrub = _PARTS.get(name)
            scrubbed = scrub(event[name], scrubber) if scrub else scrubber.value(event[name], name)
            event[name] = hide(scrubbed, secrets)


def _exception(holder: Any, scrubber: Scrubber) -> Any:
    for value in _values(holder):
        if isinstance(text := value.get("value"), str):
            value["value"] = scrubber.text(text, MAX_CHARS)
        _stack(value.get("stacktrace"), scrubber)
    return holder


def _threads(holder: Any, scrubber: Scrubber) -> Any:
    for thread in _values(holder):
        _stack(thread.get("stacktrace"), scrubber)
    return holder


def _stack(stack: Any, scrubber: Scrubber) -> Any:
    for frame in (stack or {}).get("frames") or ():
        if isinstance(line := frame.get("context_line"), str):
            frame["context_line"] = scrubber.text(line, _MAX_LINE_CHARS)
        for name in ("pre_context", "post_context"):
            if name in frame:
                lines = frame[name] or ()
                frame[name] = [scrubber.text(line, _MAX_LINE_CHARS) for line in lines if isinstance(line, str)]
    return stack


def _request(request: Any, scrubber: Scrubber) -> Any:
    if not isinstance(request, dict):
        return scrubber.value(request, "")
    # Every cookie is a secret.
    cookies = dict.fromkeys(request.pop("cookies", None) or (), FILTERED)
    if isinstance(query := request.get("query_string"), str):
        request["query_string"] = filter_query(query)
    scrubbed = scrubber.value(request, "")
    return {**scrubbed, "cookies": cookies} if cookies else scrubbed


def _spans(spans: Any, scrubber: Scrubber) -> Any:
    return [scrubber.value(span, "") for span in spans] if isinstance(spans, list) else scrubber.value(spans, "")


def _text(text: Any, scrubber: Scrubber) -> Any:
    return scrubber.text(text, MAX_CHARS) if isinstance(text, str) else scrubber.value(text, "")


def _fingerprint(entries: Any, scrubber: Scrubber) -> Any:
    return [_named(entry, "", scrubber) for entry in entries] if isinstance(entries, list) else entries


def _tags(tags: Any, scrubber: Scrubber) -> Any:
    if not isinstance(tags, dict):
        return scrubber.value(tags, "")
    return {name: _named(value, name, scrubber) for name, value in tags.items()}


def _contexts(contexts: Any, scrubber: Scrubber) -> Any:
    if not isinstance(contexts, dict):
        return scrubber.value(contexts, "")
    trace = contexts.get("trace")
    scrubbed = {name: scrubber.value(value, name) for name, value in contexts.items() if name != "trace"}
    return {**scrubbed, "trace": _tags(trace, scrubber)} if trace else scrubbed


def _named(value: Any, name: str, scrubber: Scrubber) -> Any:
    return value if isinstance(value, str) and _ID.match(value) else scrubber.value(value, name)


def _values(holder: Any) -> Any:
    values = holder.get("values") if isinstance(holder, dict) else holder
    return [value for value in values or () if isinstance(value, dict)]


_PARTS: dict[str, Callable[[Any, Scrubber], Any]] = {
    "exception": _exception,
    "threads": _threads,
    "stacktrace": _stack,
    "request": _request,
    "spans": _spans,
    "transaction": _text,
    "fingerprint": _fingerprint,
    "tags": _tags,
    "contexts": _contexts,
}
