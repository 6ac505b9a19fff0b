"""Fingerprints of failures that a file caused: made from ``error_fingerprint`` of the class, without the stack.

The classes are those of `designs.exceptions`. They are recognized by the name of that module, because the monitoring
imports no part of the application. Their entries come from closed sets, so the parts can be shown for any file.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, cast

from designs.monitoring.fingerprint.model import Fingerprint, make
from designs.monitoring.fingerprint.type_names import class_named
from designs.monitoring.untrusted.exceptions import attributes_of

__all__ = ["of_file", "of_file_event"]

_MODULE = "designs.exceptions"
_ATTRIBUTE = "error_fingerprint"


def of_file(exc: BaseException) -> Fingerprint | None:
    """Return the fingerprint of a failure that a file caused; None for any other, or if the exception sets its own."""
    # Bypasses the metaclass, whose code could raise: this runs for every failure.
    module = type.__getattribute__(type(exc), "__module__")
    if type(module) is not str or module != _MODULE or dict.__contains__(attributes_of(exc), _ATTRIBUTE):
        return None
    entries = cast("Any", exc).error_fingerprint()
    return None if entries is None else _fingerprint_of(*entries)


def of_file_event(module: str, name: str, *, stage: str, signal: str) -> Fingerprint | None:
    """Return the fingerprint for the class, stage and signal in an event of this service; None for other classes."""
    kind: Any = class_named(module, name) if module == _MODULE and stage else None
    return None if kind is None else of_file(kind(details={"stage": stage, "signal": signal}))


@lru_cache(maxsize=256)
def _fingerprint_of(kind: str, stage: str, *more: str) -> Fingerprint:
    return make(["custom", kind, stage, *more], f"{kind.removeprefix('type ')} in {stage}")
