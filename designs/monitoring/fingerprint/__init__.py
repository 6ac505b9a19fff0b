"""The grouping key of a failure: one pure core over plain data, behind a version, with two fronts.

`model` is the data, `core` and `rules` decide, `live` reads exceptions and `sentry_event` reads Sentry's event JSON,
`override` is what the application says itself. The key is ``"<version>:<32 hex digits>"`` over the parts; the parts
are also the human-readable answer to "why are these one group".
"""

from __future__ import annotations

from designs.monitoring.fingerprint.from_event import fingerprint_answer, fingerprint_event, fingerprint_message
from designs.monitoring.fingerprint.from_exception import fingerprint_exception
from designs.monitoring.fingerprint.messages import normalize_message
from designs.monitoring.fingerprint.model import VERSION, Fingerprint
from designs.monitoring.fingerprint.override import hook_failures

__all__ = [
    "VERSION",
    "Fingerprint",
    "fingerprint_answer",
    "fingerprint_event",
    "fingerprint_exception",
    "fingerprint_message",
    "hook_failures",
    "normalize_message",
]
