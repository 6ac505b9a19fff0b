"""Names of metrics: the documented ones, the resource of a route, and the names an application may use. Pure.

The service itself writes the built-in names. An application's name is refused if it equals one of them, also after
Prometheus' naming rules or as one of its suffixed series: it would change a documented value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from integrations.prometheus import metric_name

__all__ = [
    "BYTES_UPLOADED",
    "DOCUMENTED",
    "STORAGE_GAUGES",
    "has_flat_task_name",
    "is_api",
    "is_built_in",
    "is_upload_type",
    "resource_of",
]

BYTES_UPLOADED = "total_bytes_uploaded"

_STATUSES = (200, 201, 202, 204, 301, 302, 304, 400, 401, 403, 404, 405, 409, 413, 422, 429, 500, 502, 503, 504)

DOCUMENTED: Mapping[str, str] = {
    "http_requests_total": "HTTP requests answered.",
    "api_requests_total": "Requests below /api/ answered.",
    **{f"http_status_{status}": f"HTTP answers with status {status}." for status in _STATUSES},
    "endpoint_designs": "Requests for designs.",
    "endpoint_series": "Requests for series.",
    "uploads_total": "Files uploaded.",
    "uploads_step": "STEP files uploaded.",
    "uploads_iges": "IGES files uploaded.",
    BYTES_UPLOADED: "Bytes of uploaded files.",
    "celery_task_total": "Runs of tasks.",
    "celery_task_SUCCESS": "Runs of tasks that succeeded.",
    "celery_task_FAILED": "Runs of tasks that failed.",
    "celery_task_RETRY": "Runs of tasks that will be retried.",
}
"""Flat counters that each page contains, with their help texts."""

STORAGE_GAUGES: Mapping[str, str] = {
    "storage_used_gb": "Storage in use, in GB.",
    "storage_quota_gb": "Storage quota, in GB.",
}

_FAMILIES = ("api_request_duration_", "celery_task_", "endpoint_", "enginel_", "http_status_", "scrape_", "uploads_")
_SUFFIXES = ("_bucket", "_count", "_created", "_info", "_sum", "_total")
# Names that Prometheus itself writes for each scrape, and the first key of a snapshot.
_RESERVED = frozenset({"alerts", "alerts_for_state", "timestamp", "up"})
# Case-sensitive: a task may well be called mark_failed.
_OUTCOMES = ("_SUCCESS", "_FAILED", "_RETRY")
_CACHE_SIZE = 4_096

_API = re.compile(r"\^?/?api/")
# A literal segment: followed by the next one, the end of the pattern, or an escaped dot before a format.
_SEGMENT = re.compile(r"\^?([A-Za-z0-9][A-Za-z0-9_-]*)(?=/|\$|\\|\Z|<drf_format_suffix)")


def _stem(name: str) -> str:
    """Return a name under Prometheus' naming rules, in lower case, without the suffixes of its series."""
    name = metric_name(name).lower()
    while suffix := next((one for one in _SUFFIXES if name.endswith(one)), ""):
        name = name.removesuffix(suffix)
    return name


_STEMS = frozenset(map(_stem, (*DOCUMENTED, *STORAGE_GAUGES, "api_request_duration", "celery_workers_active")))


@lru_cache(maxsize=_CACHE_SIZE)
def is_built_in(name: str) -> bool:
    """Return whether a flat name is built in, or would become a built-in name on a page."""
    plain = metric_name(name).lower()
    return plain.startswith(_FAMILIES) or plain in _RESERVED or _stem(name) in _STEMS


@lru_cache(maxsize=_CACHE_SIZE)
def has_flat_task_name(task: str) -> bool:
    """Return whether ``celery_task_<task>`` is free: neither a total nor another task's outcome."""
    flat = metric_name(f"celery_task_{task}")
    return _stem(flat) not in _STEMS and not flat.endswith(_OUTCOMES)


@lru_cache(maxsize=_CACHE_SIZE)
def is_upload_type(kind: str) -> bool:
    """Return whether ``uploads_<kind>`` is free: not the total."""
    return _stem(f"uploads_{kind}") != "uploads"


def is_api(route: str) -> bool:
    """Return whether a URL pattern is below ``/api/``."""
    return _API.match(route) is not None


@lru_cache(maxsize=_CACHE_SIZE)
def resource_of(route: str) -> str:
    """Return the resource of a URL pattern: its first segment, after ``/api/`` if it has that prefix.

    Empty if that segment is not literal text: names come from URL patterns, never from a client's path.
    """
    prefix = _API.match(route)
    rest = route[prefix.end() :] if prefix else route.lstrip("^").removeprefix("/")
    if rest in {"", "$"}:
        return "api" if prefix else "root"
    segment = _SEGMENT.match(rest)
    return segment[1].replace("-", "_") if segment else ""
