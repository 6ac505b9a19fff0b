"""Template tags and filters for states, times, durations and numbers. None uses the database or Redis."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from designs import charts

__all__ = [
    "ago",
    "amount",
    "bars",
    "component_name",
    "headline",
    "icon",
    "milliseconds",
    "moment",
    "parts",
    "percent",
    "seconds",
    "state_word",
    "strip",
]

register = template.Library()

_NAMES = {"kernel": "CAD kernel", "sentry": "Sentry delivery"}
_DAY_SECONDS = 86_400
_UNITS = ((_DAY_SECONDS, "d"), (3_600, "h"), (60, "min"))
_LARGE = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"))
_NOTHING = "–"  # noqa: RUF001  # a dash, as in tables


@register.simple_tag
def icon(status: str) -> SafeString:
    """Return the icon of a health state as SVG."""
    return charts.state_icon(status)


@register.simple_tag
def strip(minutes: Sequence[str] | None) -> SafeString:
    """Return the chart of health states of the last hour, one bar per minute."""
    return charts.strip(minutes or ())


@register.simple_tag
def bars(values: Sequence[float], label: str, css_class: str = "columns") -> SafeString:
    """Return a column chart of the values."""
    return charts.columns(values, label, css_class)


@register.simple_tag
def parts(label: str, **amounts: float) -> SafeString:
    """Return one bar divided into named parts."""
    return charts.share(list(amounts.items()), label)


@register.filter
def state_word(status: str) -> str:
    """Return the name of a health state; ``unknown`` for any other text."""
    return status if status in charts.STATES else "unknown"


@register.filter
def component_name(name: str) -> str:
    """Return the display name of a component."""
    return _NAMES.get(name, name[:1].upper() + name[1:])


@register.simple_tag
def headline(status: str, components: Iterable[Mapping[str, Any]]) -> str:
    """Return one line with the overall state and the components that cause it."""
    troubled = [component_name(str(one["name"])) for one in components if one["status"] == status]
    if status == "healthy":
        return "Everything works"
    if status == "degraded":
        return ": ".join(filter(None, ("Works, with warnings", ", ".join(troubled))))
    if status == "unhealthy":
        return ": ".join(filter(None, ("Not working", ", ".join(troubled))))
    return "Nothing is known yet"


@register.filter
def moment(value: datetime | str | None) -> SafeString | str:
    """Return a time in UTC, with the date unless it is today."""
    at = _moment(value)
    if at is None:
        return _NOTHING
    shown = at.strftime("%H:%M UTC" if at.date() == timezone.now().astimezone(UTC).date() else "%d %b %H:%M UTC")
    return format_html('<time datetime="{}">{}</time>', at.isoformat(timespec="seconds"), shown)


@register.filter
def ago(value: datetime | str | None) -> str:
    """Return the age of a time in its largest unit."""
    at = _moment(value)
    if at is None:
        return ""
    passed = max(0.0, (timezone.now() - at).total_seconds())
    for size, unit in _UNITS:
        if passed >= size:
            return f"{passed // size:,.0f} {unit} ago"
    return "just now"


@register.filter
def milliseconds(value: float | None) -> str:
    """Return a duration as text in ms, s or min, with about three digits."""
    if value is None:
        return _NOTHING
    if value >= 60_000:
        return f"{value / 60_000:,.1f} min"
    if value >= 1_000:
        return f"{value / 1_000:.2f} s" if value < 10_000 else f"{value / 1_000:.1f} s"
    return f"{value:.0f} ms" if value >= 100 else f"{value:.1f} ms"


@register.filter
def seconds(value: float | None) -> str:
    """Return a duration in seconds as text, see `milliseconds`."""
    return milliseconds(None if value is None else value * 1000)


@register.filter
def percent(value: float | None) -> str:
    """Return a ratio as a percentage; a small ratio becomes ``< 0.1 %``, not zero."""
    if value is None:
        return _NOTHING
    if 0 < value < 0.001:
        return "< 0.1 %"
    return f"{value * 100:.1f} %" if 0 < value < 1 else f"{value * 100:.0f} %"


@register.filter
def amount(value: float | None) -> str:
    """Return a number with thousands separators; from a million on with M, G, T or P, so that it stays short."""
    if value is None:
        return _NOTHING
    for size, letter in _LARGE:
        if value >= size:
            return f"{value / size:,.1f} {letter}"
    if isinstance(value, float) and not value.is_integer():
        return f"{value:,.2f}" if value < 10 else f"{value:,.1f}"
    return f"{value:,.0f}"


def _moment(value: datetime | str | None) -> datetime | None:
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return None
    if at is None:
        return None
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
