"""Serialization of error records to Redis and back. Pure."""

from __future__ import annotations

import json
from typing import Any

from designs.conf import conf
from designs.monitoring.errors.event import ErrorEvent
from designs.monitoring.fingerprint import Fingerprint
from designs.monitoring.redaction import redact_text

__all__ = [
    "bounded_json",
    "counter_of",
    "decoded",
    "facts_of",
    "record_of",
    "split_type",
    "with_additions",
]

_KINDS = {"rule client error": "client", "rule dependency outage": "outage", "rule task limit": "limit"}


def facts_of(event: ErrorEvent, fingerprint: Fingerprint) -> str:
    return json.dumps(
        {
            "type": event.error_type,
            "module": event.error_module,
            "message": event.error_message,
            "severity": event.severity,
            "site": fingerprint.site,
            # A group has one release per line; each process adds its own.
            "releases": event.release,
            "aliases": " ".join(fingerprint.aliases),
            # The key is computed from the parts unchanged. The displayed parts are scrubbed like all other text.
            "parts": json.dumps([redact_text(part) for part in fingerprint.parts]),
        }
    )


def counter_of(event: ErrorEvent, fingerprint: Fingerprint) -> str:
    """Return the field of the totals that counts an occurrence: ``kind|severity|source``, few values each.

    The kind is that of the rule that made its group (``client``, ``outage``, ``limit``), else ``message`` or
    ``exception``.
    """
    other = "message" if not event.error_module and event.error_type == "message" else "exception"
    rule = fingerprint.parts[0] if fingerprint.parts else ""
    return f"{_KINDS.get(rule, other)}|{event.severity}|{event.source}"


def bounded_json(additions: dict[str, Any]) -> str:
    text = json.dumps(additions)
    if len(text) <= conf.max_event_bytes:
        return text
    return json.dumps({**additions, "context": {"[cut]": f"context of {len(text)} bytes left out"}})


def record_of(event_json: str | bytes, key: str, occurrences: int, traceback: str) -> dict[str, Any]:
    stored = decoded(event_json)
    if "error_module" not in stored:
        stored["error_module"], stored["error_type"] = split_type(stored["error_type"])
    return {**stored, "fingerprint": key, "occurrences": occurrences, "traceback": traceback}


def decoded(text: str | bytes) -> Any:
    """Decode JSON and replace lone surrogates, which an earlier version may have stored and no response can contain."""
    value = json.loads(text)
    if (b"\\ud" if isinstance(text, bytes) else "\\ud") not in text:  # type: ignore[operator]
        return value
    return json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))


def split_type(qualified: str) -> tuple[str, str]:
    """Return module and name of a type that an earlier version stored as one text, without ``builtins``."""
    module, _, name = qualified.rpartition(".")
    return module or ("" if name == "message" else "builtins"), name


def with_additions(record: dict[str, Any], additions: bytes) -> dict[str, Any]:
    for line in additions.splitlines():
        more = decoded(line)
        record["context"] = {**more.pop("context", {}), **record["context"]}
        record.update({name: value for name, value in more.items() if record.get(name) in (None, "")})
    return record
