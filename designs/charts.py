"""Charts as inline SVG, made on the server: no script, no style attribute, numbers and fixed words only. Pure.

Colours come from classes of the style sheet; attributes provide a plain picture if the style sheet is missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

__all__ = ["STATES", "columns", "share", "state_icon", "strip"]

STATES = ("healthy", "degraded", "unhealthy")
"""Health states, best first; any other word is shown as unknown."""

_FILLS = {"healthy": "#2f9e6b", "degraded": "#c98a12", "unhealthy": "#cf3f36", "unknown": "#8a96a3"}

# Each state has its own shape, for readers who cannot distinguish the colours.
_SHAPES = {
    "healthy": (
        '<circle cx="8" cy="8" r="8"/><path class="glyph" fill="none" stroke="#fff" d="M4.4 8.3l2.4 2.4 4.8-5.2"/>'
    ),
    "degraded": (
        '<path d="M8 .7c.5 0 1 .3 1.2.7l6.4 11.7c.5 1-.2 2.2-1.3 2.2H1.7'
        'c-1.1 0-1.8-1.2-1.3-2.2L6.8 1.4C7 1 7.5.7 8 .7z"/>'
        '<path class="glyph" fill="none" stroke="#fff" d="M8 5.6v4M8 12.2v.4"/>'
    ),
    "unhealthy": (
        '<path d="M4.9.4h6.2l4.5 4.5v6.2l-4.5 4.5H4.9L.4 11.1V4.9z"/>'
        '<path class="glyph" fill="none" stroke="#fff" d="M5.3 5.3l5.4 5.4M10.7 5.3l-5.4 5.4"/>'
    ),
    "unknown": '<circle cx="8" cy="8" r="6.6" fill="none" stroke="#8a96a3" stroke-width="2" stroke-dasharray="3 2.5"/>',
}

_BAR_FILL = "#3f6fb0"
_MINUTES = 60
_STEP, _BAR, _TALL = 4, 3, 24
# The worse, the taller: an hour without an event is a low line.
_HEIGHTS = {"healthy": 9, "degraded": 16, "unhealthy": _TALL, "unknown": 2}
_COLUMNS_TALL = 100


def state_icon(status: str) -> SafeString:
    """Return the icon of a state; hidden from screen readers, since the word stands beside it."""
    state = _known(status)
    return format_html(
        '<svg class="icon is-{}" width="16" height="16" viewBox="0 0 16 16" fill="{}" aria-hidden="true">{}</svg>',
        state, _FILLS[state], mark_safe(_SHAPES[state]),  # noqa: S308  # a constant
    )  # fmt: skip


def strip(minutes: Sequence[str]) -> SafeString:
    """Return the last hour as 60 bars, oldest first: low healthy, middle degraded, full unhealthy, dot unknown."""
    states = [_known(status) for status in minutes[-_MINUTES:]]
    states = ["unknown"] * (_MINUTES - len(states)) + states
    paths = [
        format_html('<path class="fill-{}" fill="{}" d="{}"/>', state, _FILLS[state], _bars(states, state))
        for state in _HEIGHTS
        if state in states
    ]
    counted = Counter(states)
    summary = ", ".join(f"{counted[state]} min {state}" for state in reversed(_HEIGHTS) if counted[state])
    return format_html(
        '<svg class="strip" width="240" height="24" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" '
        'aria-label="Last hour: {}">{}</svg>',
        _MINUTES * _STEP - (_STEP - _BAR), _TALL, summary, mark_safe("".join(paths)),  # noqa: S308  # made here
    )  # fmt: skip


def columns(values: Sequence[float], label: str, css_class: str = "columns") -> SafeString:
    """Return columns, scaled to the largest value; a value above zero is always visible."""
    top = max(values, default=0) or 1
    heights = [max(value / top * _COLUMNS_TALL, 3) if value > 0 else 0 for value in values]
    path = "".join(
        f"M{at * _STEP} {_COLUMNS_TALL}v-{height:.4g}h{_BAR}v{height:.4g}z"
        for at, height in enumerate(heights)
        if height
    )
    return format_html(
        '<svg class="{}" width="200" height="24" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" '
        'aria-label="{}"><path class="fill-bar" fill="{}" d="{}"/></svg>',
        css_class, max(len(values), 1) * _STEP, _COLUMNS_TALL, label, _BAR_FILL, path,
    )  # fmt: skip


def share(parts: Sequence[tuple[str, float]], label: str) -> SafeString:
    """Return one bar divided among parts, each a CSS class (see the style sheet) and an amount."""
    total = sum(amount for _, amount in parts) or 1.0
    pieces, at = [], 0.0
    for name, amount in parts:
        width = amount / total * 100
        begin, at = at, at + width
        if width:
            rect = '<rect class="fill-{0}" fill="{1}" x="{2}" y="0" width="{3}" height="8"/>'
            pieces.append(format_html(rect, name, _FILLS.get(name, _BAR_FILL), f"{begin:.4g}", f"{width:.4g}"))
    return format_html(
        '<svg class="share" width="100" height="8" viewBox="0 0 100 8" preserveAspectRatio="none" role="img" '
        'aria-label="{}">{}</svg>',
        label, mark_safe("".join(pieces)),  # noqa: S308  # made here
    )  # fmt: skip


def _known(status: str) -> str:
    return status if status in STATES else "unknown"


def _bars(states: Sequence[str], state: str) -> str:
    height = _HEIGHTS[state]
    return "".join(
        f"M{at * _STEP} {_TALL}v-{height}h{_BAR}v{height}z" for at, found in enumerate(states) if found == state
    )
