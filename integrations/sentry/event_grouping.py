"""Grouping, tags and contexts of a Sentry event, made from its record and group."""

from __future__ import annotations

from typing import Any

from integrations.sentry.types import Occurrence

__all__ = ["GROUPINGS", "contexts_of", "decorate", "tags_of"]

GROUPINGS = ("enginel", "hybrid", "sentry")
"""Grouping of Sentry's issues: ours; ours, split further by Sentry's; Sentry's, with ours as a tag."""

_LEVELS = {"DEBUG": "debug", "INFO": "info", "WARNING": "warning", "ERROR": "error", "CRITICAL": "fatal"}
_MAX_TAG_CHARS = 200


def decorate(event: dict[str, Any], occurrence: Occurrence, grouping: str) -> None:
    """Add the facts of its record and group to an event."""
    record = occurrence.record
    event["event_id"] = record["event_id"]
    event["level"] = _LEVELS[record["severity"]]
    _group(event, occurrence.key, grouping)
    event["tags"] = {**(event.get("tags") or {}), **tags_of(occurrence)}
    event["contexts"] = {**(event.get("contexts") or {}), **contexts_of(occurrence)}
    if record["user_id"] not in (None, ""):
        # Sentry's schema requires text.
        event["user"] = {**(event.get("user") or {}), "id": str(record["user_id"])}
    if record["task"]:
        event["transaction"] = record["task"]


def _group(event: dict[str, Any], key: str, grouping: str) -> None:
    """Set or remove the fingerprint of an event."""
    if grouping == "enginel":
        event["fingerprint"] = ["enginel", key]
    elif grouping == "hybrid":
        event["fingerprint"] = ["{{ default }}", key]
    else:
        event.pop("fingerprint", None)


def contexts_of(occurrence: Occurrence) -> dict[str, Any]:
    """Return the event contexts of an occurrence."""
    record, represents = occurrence.record, occurrence.represents
    counts = {
        "type": "enginel",
        "occurrences": occurrence.occurrences,
        "suppressed": represents - 1,
        "window_seconds": occurrence.window_seconds,
        "first_seen": occurrence.first_seen or record["timestamp"],
        "last_seen": record["timestamp"],
    }
    optional = {"request_path": record["request_path"], "context": record["context"]}
    return {
        "enginel": {**counts, **{name: value for name, value in optional.items() if value}},
        # Sentry scales an issue's event count by this rate, in projects where it has enabled that.
        "error_sampling": {"client_sample_rate": 1 / max(represents, 1)},
    }


def tags_of(occurrence: Occurrence) -> dict[str, str]:
    """Return the event tags of an occurrence."""
    record = occurrence.record
    tags = {
        "fingerprint": occurrence.key,
        "site": occurrence.site,
        "severity": record["severity"],
        "code": occurrence.code,
        **occurrence.words,
        "task": record["task"],
        "request_id": record["request_id"],
        "trace_id": str((record["context"] or {}).get("trace_id", "")),
        "enginel.occurrences": str(occurrence.occurrences),
        "enginel.source": record["source"],
    }
    # Sentry refuses empty and multi-line tags.
    return {name: " ".join(value.split())[:_MAX_TAG_CHARS] for name, value in tags.items() if value.strip()}
