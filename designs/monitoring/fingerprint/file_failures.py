"""The key of a failure that a file caused: what ``error_fingerprint`` of its class says, and no stack.

The classes are those of `designs.exceptions`, known by that name: the monitoring imports no part of the application.
They make their entries of closed sets, so that the parts may be shown whatever the file is.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, cast

from designs.monitoring.fingerprint.model import Fingerprint, make
from designs.monitoring.fingerprint.type_names import class_named
from designs.monitoring.untrusted.exceptions import attributes_of

__all__ = ["of_file", "of_file_event"]

_MODULE = "designs.exceptions"
_ASKED = "error_fingerprint"


def of_file(exc: BaseException) -> Fingerprint | None:
    """Return the fingerprint of a failure that a file caused; None for any other, and where the exception names one."""
    # Past what a metaclass may do: this is asked for each failure.
    module = type.__getattribute__(type(exc), "__module__")
    if type(module) is not str or module != _MODULE or dict.__contains__(attributes_of(exc), _ASKED):
        return None
    entries = cast("Any", exc).error_fingerprint()
    return None if entries is None else _made(*entries)


def of_file_event(module: str, name: str, *, stage: str, signal: str) -> Fingerprint | None:
    """Return the fingerprint for the class, and the stage and signal, that an event of this service names."""
    kind: Any = class_named(module, name) if module == _MODULE and stage else None
    return None if kind is None else of_file(kind(details={"stage": stage, "signal": signal}))


@lru_cache(maxsize=256)
def _made(kind: str, stage: str, *more: str) -> Fingerprint:
    return make(["custom", kind, stage, *more], f"{kind.removeprefix('type ')} in {stage}")
