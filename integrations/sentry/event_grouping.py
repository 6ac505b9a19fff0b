"""What an event says of its group: whose issue it is, how often it happened, and where."""

from __future__ import annotations

from typing import Any

from integrations.sentry.types import Occurrence

__all__ = ["GROUPINGS", "contexts_of", "decorate", "tags_of"]

GROUPINGS = ("enginel", "hybrid", "sentry")
"""Whose groups Sentry's issues are: ours; ours, split as Sentry would; Sentry's, with ours as a tag."""

_LEVELS = {"DEBUG": "debug", "INFO": "info", "WARNING": "warning", "ERROR": "error", "CRITICAL": "fatal"}
_MAX_TAG_CHARS = 200


def decorate(event: dict[str, Any], occurrence: Occurrence, grouping: str) -> None:
    """Write into an event what its group and its record say."""
    record = occurrence.record
    event["event_id"] = record["event_id"]
    event["level"] = _LEVELS[record["severity"]]
    _group(event, occurrence.key, grouping)
    event["tags"] = {**(event.get("tags") or {}), **tags_of(occurrence)}
    event["contexts"] = {**(event.get("contexts") or {}), **contexts_of(occurrence)}
    if record["user_id"] not in (None, ""):
        # Text in Sentry's schema.
        event["user"] = {**(event.get("user") or {}), "id": str(record["user_id"])}
    if record["task"]:
        event["transaction"] = record["task"]


def _group(event: dict[str, Any], key: str, grouping: str) -> None:
    """Say whose group the event is."""
    if grouping == "enginel":
        event["fingerprint"] = ["enginel", key]
    elif grouping == "hybrid":
        event["fingerprint"] = ["{{ default }}", key]
    else:
        event.pop("fingerprint", None)


def contexts_of(occurrence: Occurrence) -> dict[str, Any]:
    """Return the contexts of an event that its record makes."""
    record, represents = occurrence.record, occurrence.represents
    told = {
        "type": "enginel",
        "occurrences": occurrence.occurrences,
        "suppressed": represents - 1,
        "window_seconds": occurrence.window_seconds,
        "first_seen": occurrence.first_seen or record["timestamp"],
        "last_seen": record["timestamp"],
    }
    about = {"request_path": record["request_path"], "context": record["context"]}
    return {
        "enginel": {**told, **{name: value for name, value in about.items() if value}},
        # Sentry adds so many to an issue's number of events, for projects it has enabled that for.
        "error_sampling": {"client_sample_rate": 1 / max(represents, 1)},
    }


def tags_of(occurrence: Occurrence) -> dict[str, str]:
    """Return the tags of an event that its record makes."""
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
    # Neither empty nor of two lines: Sentry refuses such.
    return {name: " ".join(value.split())[:_MAX_TAG_CHARS] for name, value in tags.items() if value.strip()}
