"""Redaction of secrets in values of any type before they are stored, logged or sent."""

from designs.monitoring.redaction.values import (
    FILTERED,
    is_plain,
    is_secret_key,
    is_secret_name,
    redact,
    redact_text,
    redacted_str,
    redacted_tail,
    safe_str,
)

__all__ = [
    "FILTERED",
    "is_plain",
    "is_secret_key",
    "is_secret_name",
    "redact",
    "redact_text",
    "redacted_str",
    "redacted_tail",
    "safe_str",
]
