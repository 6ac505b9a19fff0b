"""What pages are fed with: each state of the service, nothing at all, and names that nobody should give."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

__all__ = ["HOSTILE", "away", "busy", "empty", "hostile", "status_context"]

HOSTILE = (
    "<script>document.title='owned'</script>",
    '"><img src=x onerror=alert(1)>',
    "\u202eevil\u202c \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "x" * 500,
    "{{ settings.SECRET_KEY }}{% debug %}",
    "",
)
_MESSAGES = {
    "database": "answers",
    "redis": "answers, writes and deletes",
    "celery": "2 workers, nothing waits",
    "storage": "stores, reads and deletes",
    "kernel": "installed",
    "sentry": "not configured",
    "beat": "ticked 4 s ago",
}
_TROUBLES = {
    "degraded": {"celery": ("degraded", "341 tasks wait, the oldest for 95 s"), "storage": ("degraded", "4 % free")},
    "unhealthy": {
        "database": ("unhealthy", "does not answer within 2 s"),
        "celery": ("degraded", "341 tasks wait, the oldest for 95 s"),
        "sentry": ("degraded", "18 events wait, the oldest for 12 min"),
    },
}


def status_context(status: str, *, is_admin: bool = False, **more: Any) -> dict[str, Any]:
    """Return what the status page is rendered with."""
    now = timezone.now()
    troubles = _TROUBLES.get(status, {})
    components = []
    for at, (name, message) in enumerate(_MESSAGES.items()):
        state, said = troubles.get(name, ("healthy", message))
        strip = [""] * 6 + ["healthy"] * 54
        if state != "healthy":
            strip[48:] = ["degraded"] * 4 + [state] * 8
        elif name == "redis":
            strip[20:23] = ["unhealthy", "unhealthy", "degraded"]
        components.append(
            {
                "name": name,
                "status": state,
                "message": said,
                "time_taken_ms": 0.4 + 7.3 * at if state != "unhealthy" else 2003.1,
                "changed_at": now - timedelta(minutes=12 + 700 * at) if state != "healthy" or at % 2 else None,
                "strip": strip,
                "seen_by": "beat@worker-7f9c4d5b8-x2x9k.enginel.svc.cluster.local:4711" if is_admin else "",
                "detail": "OperationalError: connection to 10.0.4.7 refused" if is_admin and state != "healthy" else "",
            }
        )
    page = {
        "service": "enginel",
        "status": status,
        "checked_at": now,
        "components": components,
        "is_history_known": True,
    }
    return {**page, "refresh_seconds": 10, "is_admin": is_admin, **more}


def empty() -> dict[str, Any]:
    """Return what a dashboard is fed with on the first day."""
    lists: dict[str, list[Any]] = {"requests": [], "errors": [], "operations": [], "tasks": [], "away": []}
    return {"health": {}, **lists, "sentry": {}, "workers": 0}


def away() -> dict[str, Any]:
    """Return what a dashboard is fed with while Redis is away."""
    parts = ["requests", "errors", "operations", "tasks", "sentry", "workers"]
    now = timezone.now().isoformat()
    redis = {"status": "unhealthy", "message": "does not answer", "since": now, "at": now}
    return {**dict.fromkeys(parts), "health": {"redis": redis}, "away": parts}


def busy() -> dict[str, Any]:
    """Return what a dashboard is fed with on a bad day."""
    now = timezone.now()
    since = (now - timedelta(minutes=12)).isoformat()
    troubles = _TROUBLES["unhealthy"]
    health = {name: troubles.get(name, ("healthy", message)) for name, message in _MESSAGES.items()}
    requests = [
        ("GET /api/designs/", 120_411, 812.4, 14.2, 61.0, 0.0),
        ("POST /api/designs/upload/", 9_203, 40.0, 412.8, 2_310.0, 0.0312),
        ("GET /api/designs/<uuid>/geometry/", 8_120, 33.1, 9.1, 22.4, 0.0004),
        ("GET /api/series/", 4_002, None, 11.7, 48.5, 0.0),
    ]
    operations = [
        ("bom_extraction", 320, 1.5, 9_200.0, 41_000.0, 0.02, 14),
        ("geometry_extraction", 311, 1.5, 4_100.0, 18_800.0, 0.06, 3),
        ("upload", 9_203, 40.0, 380.0, 1_900.0, 0.0, 0),
    ]
    errors = [
        ("GeometryProcessingError", "the kernel crashed on this file", 18_320, "ongoing", 3),
        ("OperationalError", "connection to server at N failed: timeout expired", 412, "regressed", 60),
        ("CorruptedFile", "the file ends within entity #N", 77, "new", 200),
        ("ExternalServiceError", "File storage does not answer.", 12, "resolved", 900),
    ]
    groups = [_group(at, *row) for at, row in enumerate(errors)]
    counts = {
        "unresolved_reference": 31,
        "syntax": 20,
        "truncated": 12,
        "nul": 8,
        "columns": 3,
        "depth": 2,
        "global": 1,
    }
    groups[2] |= {
        "why": ["custom", "type designs.exceptions.CorruptedFile", "stage scan"],
        "reasons": [{"reason": reason, "count": count} for reason, count in counts.items()],
    }
    return {
        "health": {
            name: {"status": s, "since": since, "at": now.isoformat(), "message": m} for name, (s, m) in health.items()
        },
        "requests": [_timed(*row) for row in requests],
        "operations": [{**_timed(*row[:6]), "slow": row[6]} for row in operations],
        "errors": groups,
        "tasks": [
            {"name": "designs.tasks.extract_geometry", "success": 290, "failed": 21, "retry": 9, "p95_ms": 18_800.0},
            {"name": "designs.tasks.scan_design", "success": 320, "failed": 0, "retry": 0, "p95_ms": 210.0},
        ],
        "sentry": {
            "enabled": True,
            "reachable": False,
            "outbox_depth": 18,
            "outbox_oldest_seconds": 742.0,
            "spool_depth": 0,
            "dead_letters": 1,
            "accepted": 10_233,
            "dropped": {"queue_full": 4, "too_large": 1},
            "rate_limited_until": (now + timedelta(minutes=1)).isoformat(),
        },
        "workers": 2,
        "away": [],
    }


def hostile() -> dict[str, Any]:
    """Return a dashboard's food full of names that attack it, and with parts missing."""
    found = busy()
    now = timezone.now().isoformat()
    return {
        **found,
        "health": {name: {"status": name, "since": name, "message": name} for name in HOSTILE},
        "requests": [_timed(name, 1, None, None, None, 1.0) for name in HOSTILE],
        "operations": [{**_timed(name, 10**12, 1e9, 1e9, 1e9, 0.5), "slow": 10**9} for name in HOSTILE],
        "errors": [
            {
                "key": name,
                "type": name,
                "message": name,
                "why": ["custom", f"stage {name}"],
                "reasons": [{"reason": name, "count": 10**15}],
                "total": 10**15,
                "last_seen": name,
                "state": name,
                "minutes": [[now, 10**15]],
            }
            for name in HOSTILE
        ],
        "tasks": [{"name": name, "success": 0, "failed": 0, "retry": 0, "p95_ms": None} for name in HOSTILE],
        "sentry": {**found["sentry"], "dropped": dict.fromkeys(HOSTILE, 1), "rate_limited_until": HOSTILE[0]},
        "away": ["redis", "metrics"],
    }


def _timed(
    name: str, count: int, rate: float | None, avg: float | None, p95: float | None, bad: float
) -> dict[str, Any]:
    return {"name": name, "count": count, "per_minute": rate, "avg_ms": avg, "p95_ms": p95, "error_rate": bad}


def _group(at: int, kind: str, message: str, total: int, state: str, minutes_ago: int) -> dict[str, Any]:
    last = timezone.now() - timedelta(minutes=minutes_ago)
    minutes = [
        [(last - timedelta(minutes=step * (at + 1) * 7)).isoformat(), (step * 37 + at * 11) % 23 + 1]
        for step in range(160 // (at + 1), -1, -1)
    ]
    return {
        "key": f"1:{at:032x}",
        "type": kind,
        "message": message,
        "total": total,
        "last_seen": last.isoformat(),
        "state": state,
        "minutes": minutes,
    }
