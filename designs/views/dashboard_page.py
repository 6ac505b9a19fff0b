"""Monitoring dashboard of the admin site: errors, health, requests and tasks on one page without scripts."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from designs.charts import STATES
from designs.conf import conf
from designs.groups import KEY, lines_of
from designs.monitoring import SHOWN_GROUPS, collect_overview
from designs.views.pages import sealed

__all__ = ["dashboard"]

_REFRESH_SECONDS = 15
_DAY = timedelta(hours=24)
_DAY_COLUMNS, _GROUP_COLUMNS = 96, 48
_TICKS = 5


@require_safe
def dashboard(request: HttpRequest) -> HttpResponse:
    """Return the dashboard page. ``?refresh=off`` stops the reload. The URL wraps it in ``admin.site.admin_view``."""
    context = _page(collect_overview(), timezone.now())
    still = request.GET.get("refresh") == "off"
    context |= {"service": conf.service, "still": still, "refresh_seconds": 0 if still else _REFRESH_SECONDS}
    return sealed(render(request, "designs/dashboard.html", context))


def _page(found: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    groups, requests, health = found["errors"] or [], found["requests"] or [], found["health"] or {}
    errors = [_error(group, now) for group in groups]
    day = _columns(itertools.chain.from_iterable(group["minutes"] for group in groups), now, _DAY_COLUMNS)
    return {
        **found,
        "now": now,
        "status": _overall(health),
        "components": [{"name": name, **facts} for name, facts in health.items()],
        "redis": health.get("redis", {}),
        "errors": errors,
        "errors_cut": len(errors) >= SHOWN_GROUPS,
        "error_day": day,
        "error_day_total": sum(day),
        "error_day_most": max(day),
        "ticks": [now - _DAY * (1 - at / (_TICKS - 1)) for at in range(_TICKS)],
        "request_total": sum(row["count"] for row in requests),
        "request_rate": _rate(requests),
        "request_error_rate": _error_rate(requests),
        "request_p95_most": max((row["p95_ms"] for row in requests if row["p95_ms"] is not None), default=None),
    }


def _overall(health: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the worst state among the components, ``unknown`` without any."""
    states = {facts["status"] for facts in health.values()}
    return next((state for state in reversed(STATES) if state in states), "unknown")


def _error(group: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    key = str(group["key"])
    return {
        **group,
        "lines": lines_of(group),
        "href": reverse("monitoring-group", args=[key]) if re.match(KEY, key) else "",
        "columns": _columns(group["minutes"], now, _GROUP_COLUMNS),
    }


def _columns(minutes: Iterable[Sequence[Any]], now: datetime, number: int) -> list[int]:
    """Return the occurrences of the last day, summed into ``number`` columns of equal length, oldest first."""
    sums, begin = [0] * number, now - _DAY
    for moment, count in minutes:
        at = datetime.fromisoformat(moment).astimezone(UTC)
        # The minute in which the day began counts in the first column.
        column = max(0, int((at - begin) / _DAY * number))
        if column < number and at > begin - timedelta(minutes=1):
            sums[column] += int(count)
    return sums


def _rate(rows: Iterable[Mapping[str, Any]]) -> float | None:
    rates = [row["per_minute"] for row in rows if row.get("per_minute") is not None]
    return sum(rates) if rates else None


def _error_rate(rows: Sequence[Mapping[str, Any]]) -> float | None:
    total = sum(row["count"] for row in rows)
    return sum(row["count"] * row["error_rate"] for row in rows) / total if total else None
