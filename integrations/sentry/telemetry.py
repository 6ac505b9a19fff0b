"""Scrubbing of metrics, log entries and streamed spans, which bypass ``before_send``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from integrations.sentry.types import Scrubber

__all__ = ["scrubbing_spans", "scrubbing_telemetry"]

_WITHHELD = "[withheld]"
_TEXTS = ("name", "body", "unit")
_MAX_CHARS = 2_048

Hook = Callable[[Any, Any], Any]


def scrubbing_telemetry(scrubber: Scrubber) -> Hook:
    """Return the SDK's ``before_send_metric`` and ``before_send_log``, which drop items of controlled work."""

    def before_send(item: Any, hint: Any) -> Any:
        return None if _is_withheld(scrubber) else _scrubbed(item, scrubber)

    return before_send


def scrubbing_spans(scrubber: Scrubber) -> Hook:
    """Return the SDK's ``before_send_span``, which cannot drop a span."""

    def before_send_span(span: Any, hint: Any) -> Any:
        bare = {**span, "name": _WITHHELD, "attributes": {}}
        try:
            return bare if _is_withheld(scrubber) else _scrubbed(span, scrubber)
        except Exception:  # noqa: BLE001 - the SDK would send the span unscrubbed
            return bare

    return before_send_span


def _is_withheld(scrubber: Scrubber) -> bool:
    return scrubber.withholds is not None and scrubber.withholds(None)


def _scrubbed(item: Any, scrubber: Scrubber) -> Any:
    texts = {name: scrubber.text(item[name], _MAX_CHARS) for name in _TEXTS if isinstance(item.get(name), str)}
    attributes = item.get("attributes") or {}
    return {**item, **texts, "attributes": {name: scrubber.value(value, name) for name, value in attributes.items()}}
