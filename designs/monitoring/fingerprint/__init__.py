"""Fingerprints: the grouping keys of failures, computed by a pure core from plain data.

`model` defines the data, `grouping` and `rules` derive the parts of the key, `from_exception` reads exceptions,
`from_event` reads Sentry's event JSON, and `override` applies the application's own grouping. The key is
``"<version>:<32 hex digits>"``, a digest of the parts. The parts are also the human-readable answer to "why are these
one group".
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
