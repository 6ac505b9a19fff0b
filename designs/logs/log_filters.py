"""Filters of log handlers."""

from __future__ import annotations

import logging

from designs.monitoring import was_logged

__all__ = ["SkipRecordedFailures"]

_FRAMEWORK_LOGGERS = ("django.request", "django.server", "celery.app.trace", "celery.worker.request", "asyncio")


class SkipRecordedFailures(logging.Filter):
    """Drops a framework's line about a failure that has its own line from the error tracker.

    Lines of the application stay, and so do lines about failures that were not recorded. Add it to handlers, not
    loggers: Sentry's integration then still sees every line and decides by the same markers.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith(_FRAMEWORK_LOGGERS):
            return True
        error = record.exc_info[1] if record.exc_info else None
        return not was_logged(error, getattr(record, "request", None), getattr(record, "status_code", 0))
