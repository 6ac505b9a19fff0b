"""Values that the application attached to an event; foreign objects become text before the SDK reads them."""

from __future__ import annotations

from datetime import date
from typing import Any

from sentry_sdk.utils import AnnotatedValue  # type: ignore[attr-defined]  # re-exported without a note of it

from integrations.sentry.types import Scrubber

__all__ = ["described"]

_MAX_DEPTH = 8
_PLAIN = (str, int, float, bool, bytes, type(None), date, AnnotatedValue)
_PLAINEST = frozenset({str, int, float, bool, type(None)})


def described(value: Any, scrubber: Scrubber, depth: int = 0) -> Any:
    """Return the value with foreign objects replaced by descriptions; plain values stay unchanged.

    Args:
        value: Anything.
        scrubber: Describes foreign objects.
        depth: Depth of the value within the event; a container at `_MAX_DEPTH` is described as a whole.
    """
    kind = type(value)
    # type(), since isinstance() would make a lazy object load its value.
    if kind in _PLAINEST or issubclass(kind, _PLAIN) or hasattr(kind, "__sentry_repr__"):
        return value
    if depth < _MAX_DEPTH:
        if kind is dict:
            return {_name(name): described(item, scrubber, depth + 1) for name, item in value.items()}
        if kind in (list, tuple):
            return [described(item, scrubber, depth + 1) for item in value]
    return scrubber.value(value, "")


def _name(name: Any) -> Any:
    return name if issubclass(type(name), _PLAIN) else f"<{type(name).__name__}>"
