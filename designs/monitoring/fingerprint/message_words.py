"""The words of a message that may be part of a key: scrubbed first, then made general."""

from __future__ import annotations

from designs.monitoring.fingerprint.log_entries import entry_name
from designs.monitoring.fingerprint.messages import normalize_message
from designs.monitoring.redaction import redact_text

__all__ = ["log_wording", "wording"]

# Twice what the clean-up reads, so that scrubbing, which shortens, leaves it enough.
_MAX_CHARS = 8_192


def wording(message: str) -> str:
    """Return the message scrubbed and cleaned of ids, numbers, addresses and times."""
    return normalize_message(redact_text(str.__getitem__(message, slice(0, _MAX_CHARS))))


def log_wording(message: str) -> str:
    """Return the wording of a log message; that of its event, where it is a structured entry."""
    name = entry_name(message)
    return wording(message if name is None else name)
