"""Wording of messages for keys: secrets are redacted first, then variable parts are replaced."""

from __future__ import annotations

from designs.monitoring.fingerprint.log_entries import entry_name
from designs.monitoring.fingerprint.messages import normalize_message
from designs.monitoring.redaction import redact_text

__all__ = ["log_wording", "wording"]

# Twice the input of `normalize_message`, because redaction may shorten the text.
_MAX_CHARS = 8_192


def wording(message: str) -> str:
    """Return the redacted message without ids, numbers, addresses and times."""
    return normalize_message(redact_text(str.__getitem__(message, slice(0, _MAX_CHARS))))


def log_wording(message: str) -> str:
    """Return the wording of a log message, or of the event name of a structured entry."""
    name = entry_name(message)
    return wording(message if name is None else name)
