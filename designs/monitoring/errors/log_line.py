"""The log line of a recorded failure, with the documented keys. Each failure has one."""

from __future__ import annotations

import logging
from typing import Any

from designs.monitoring.errors.event import ErrorEvent

__all__ = ["SCRUBBED", "is_logged", "write_failure_line"]

logger = logging.getLogger("enginel.errors")

SCRUBBED: Any = object()
"""Value of the attribute ``scrubbed`` of log records that are already redacted. No log call can forge it."""

_LEVELS = logging.getLevelNamesMapping()


def is_logged(event: ErrorEvent) -> bool:
    """Return whether the logger writes failures of this severity."""
    return logger.isEnabledFor(_LEVELS[event.severity])


def write_failure_line(event: ErrorEvent, *, event_id: str, fingerprint: str, occurrences: int, traceback: str) -> None:
    """Write the log line of a failure.

    Args:
        event: The failure.
        event_id: Id of its record.
        fingerprint: Key of its group.
        occurrences: Total of the group.
        traceback: Scrubbed traceback; all occurrences of a group share one.
    """
    logger.log(
        _LEVELS[event.severity],
        "%s: %s",
        event.error_type,
        event.error_message,
        extra={
            "scrubbed": SCRUBBED,
            "error_type": event.error_type,
            "error_module": event.error_module,
            "error_message": event.error_message,
            "severity": event.severity,
            "user_id": event.user_id,
            "request_path": event.request_path,
            "context": event.context,
            "traceback": traceback,
            "event_id": event_id,
            "fingerprint": fingerprint,
            "occurrences": occurrences,
            "source": event.source,
            "release": event.release,
        },
    )
