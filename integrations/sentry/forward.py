"""Sending one recorded occurrence to Sentry, grouped as we group it, with the exact counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import sentry_sdk
from sentry_sdk.utils import event_from_exception

__all__ = ["forward_error"]

_LEVELS = {"DEBUG": "debug", "INFO": "info", "WARNING": "warning", "ERROR": "error", "CRITICAL": "fatal"}
_MAX_MESSAGE_CHARS = 2_048


def forward_error(
    exc: BaseException | None,
    record: Mapping[str, Any],
    key: str,
    site: str,
    occurrences: int,
    represents: int,
    *,
    scrub: Callable[[str], str],
) -> str | None:
    """Send an occurrence that passed the gate.

    Args:
        exc: The exception; None for a message.
        record: The scrubbed event.
        key: Fingerprint; becomes Sentry's grouping.
        site: Type and innermost own frame.
        occurrences: Total of the group.
        represents: Occurrences since the last one sent, this one included.
        scrub: Removes secrets from text; applied to the messages of the exception chain.

    Returns:
        Sentry's event id (ours); None without Sentry.
    """
    client = sentry_sdk.get_client()
    if not client.is_active():
        return None
    event: dict[str, Any] = _body(exc, record, client.options, scrub)
    event.update(
        event_id=record["event_id"],
        timestamp=record["timestamp"],
        level=_LEVELS[record["severity"]],
        fingerprint=["enginel", key],
        tags=_tags(exc, record, key, site, occurrences),
        contexts={
            "enginel": {
                "occurrences": occurrences,
                "represents": represents,
                "request_path": record["request_path"],
                "context": record["context"],
                "type": "enginel",
            }
        },
    )
    if record["user_id"]:
        event["user"] = {"id": record["user_id"]}
    if record["task"] or record["request_path"]:
        event["transaction"] = record["task"] or record["request_path"]
    return sentry_sdk.get_isolation_scope().capture_event(event)  # type: ignore[arg-type]


def _body(
    exc: BaseException | None, record: Mapping[str, Any], options: dict[str, Any], scrub: Callable[[str], str]
) -> dict[str, Any]:
    if exc is None:
        return {"message": record["error_message"]}
    event, _hint = event_from_exception(exc, client_options=options, mechanism={"type": "enginel", "handled": True})
    for value in event["exception"]["values"]:
        value["value"] = scrub(str(value.get("value") or ""))[:_MAX_MESSAGE_CHARS]
        for frame in (value.get("stacktrace") or {}).get("frames", ()):
            _scrub_source(frame, scrub)
    return dict(event)


def _scrub_source(frame: dict[str, Any], scrub: Callable[[str], str]) -> None:
    # Keys stand in source code, too.
    if frame.get("context_line"):
        frame["context_line"] = scrub(frame["context_line"])
    for name in ("pre_context", "post_context"):
        frame[name] = [scrub(line) for line in frame.get(name) or ()]


def _tags(
    exc: BaseException | None, record: Mapping[str, Any], key: str, site: str, occurrences: int
) -> dict[str, str]:
    tags = {
        "enginel.fingerprint": key,
        "enginel.site": site[:200],
        "enginel.occurrences": str(occurrences),
        "enginel.source": record["source"],
        "severity": record["severity"],
        "code": str(getattr(exc, "default_code", "")) if exc is not None else "",
        "task": record["task"],
        "request_id": record["request_id"],
        "trace_id": str(record["context"].get("trace_id", ""))[:200],
    }
    return {name: value for name, value in tags.items() if value}
