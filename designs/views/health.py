"""Health endpoints: liveness, readiness and the status page, for load balancers, orchestrators and people."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.cache import add_never_cache_headers, patch_vary_headers
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import csrf_exempt
from health_check.base import HealthCheck, HealthCheckResult
from health_check.exceptions import ServiceWarning
from health_check.views import HealthCheckView
from rest_framework.exceptions import APIException
from rest_framework.request import Request

from designs.access.authentication import SessionAuthentication, TokenAuthentication
from designs.conf import conf
from designs.http.accept_header import preferred_format
from designs.http.error_responses import error_response, mark_handled, method_not_allowed
from designs.monitoring import HealthChecker, HealthReport, Outcome, StoreAway, UnknownComponent, guarded
from designs.views.away import store_away
from designs.views.health_feed import render_feed
from designs.views.pages import sealed
from designs.views.untransacted import without_transaction

__all__ = ["ReadyView", "StatusView", "liveness"]

_METHODS = ("GET", "HEAD")
_UNHEALTHY = "unhealthy"
_FORMATS = ("html", "json", "text", "openmetrics", "rss", "atom")
# The first one is the default for clients without a preference.
_FORMAT_OF = {
    "application/json": "json",
    "text/html": "html",
    "application/xhtml+xml": "html",
    "text/plain": "text",
    "application/openmetrics-text": "openmetrics",
    "application/rss+xml": "rss",
    "application/atom+xml": "atom",
}
_NAMES = re.compile(r"[a-z_]{1,40}(,[a-z_]{1,40}){0,19}\Z")
_REFRESH_SECONDS = 10


@csrf_exempt
@without_transaction
def liveness(request: HttpRequest) -> HttpResponse:
    """Return 200 if this process serves requests. Uses no database, no Redis and no session."""
    if request.method not in _METHODS:
        return method_not_allowed(request, _METHODS)
    return JsonResponse({"status": "ok", "service": conf.service})


class _FinishedCheck(HealthCheck):  # type: ignore[misc] # the base has no types
    """A finished check for the renderers of django-health-check; its only label is the name of the component."""

    def __init__(self, component: str) -> None:
        self.component = component

    def __repr__(self) -> str:
        return self.component

    @property
    def labels(self) -> dict[str, str]:
        return {"check": self.component}

    async def run(self) -> None:
        """Do nothing: the check has run already."""


@method_decorator([csrf_exempt, without_transaction], name="dispatch")
class StatusView(HealthCheckView):  # type: ignore[misc] # the base has no types
    """State of each component: 503 if one is unhealthy, else 200. A warning makes the state degraded, with 200.

    The default is JSON; ``Accept`` or ``?format=`` selects the status page, text, OpenMetrics or a feed.
    ``?checks=database,redis`` selects components. Admins, by session or Bearer token, see details.

    Synchronous unlike the base class: under WSGI, an event loop per request would cost more than the rest of the view.
    """

    template_name = "designs/status.html"
    feed_author = "Enginel"

    def default_components(self) -> tuple[str, ...]:
        return ()

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response: HttpResponse = super(HealthCheckView, self).dispatch(request, *args, **kwargs)
        patch_vary_headers(response, ["Accept", "Authorization", "Cookie"])
        if "ETag" not in response.headers:
            add_never_cache_headers(response)
        return response

    def options(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return self.http_method_not_allowed(request)

    def http_method_not_allowed(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return method_not_allowed(request, _METHODS)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        wanted = _wanted_format(request)
        if isinstance(wanted, HttpResponse):
            return wanted
        asked = request.GET.get("checks")
        if asked is not None and not _NAMES.match(asked):
            return _refused(request, "checks")
        components = tuple(dict.fromkeys(asked.split(","))) if asked else self.default_components()
        try:
            self.report = HealthChecker.report(components)
        except UnknownComponent:
            return _refused(request, "checks")
        self.is_admin = _is_admin(request, self.report)
        self.results = [_result_of(outcome) for outcome in self.report.outcomes.values()]
        response = self._render(wanted)
        # An unhealthy component is no failure of this request. The health checker logs and counts the change.
        mark_handled(request, None)
        # Otherwise Django would log an error for every probe with 503.
        response._has_been_logged = True  # type: ignore[attr-defined] # noqa: SLF001 - it offers no public name
        return response

    def _feed(self, kind: str) -> HttpResponse:
        """Return the changes of the last day; 503 while they cannot be read, since an empty feed means no change."""
        names = list(self.report.outcomes)
        try:
            changes = HealthChecker.transitions(names)
        except StoreAway:
            return store_away(self.request, "changes of health")
        return render_feed(self.request, kind, self.report, HealthChecker.last_known(), changes)

    def _render(self, wanted: str) -> HttpResponse:
        status = 503 if self.report.status == _UNHEALTHY else 200
        response: HttpResponse
        if wanted == "html":
            context = _page(self.report, self.is_admin)
            response = sealed(self.render_to_response(context, status=status).render())
        elif wanted == "json":
            response = JsonResponse(self.report.as_dict(is_admin=self.is_admin), status=status)
        elif wanted in {"rss", "atom"}:
            response = self._feed(wanted)
        else:
            render = getattr(self, f"render_to_response_{wanted}")
            response = render(status) if wanted == "text" else render()
        return response

    def render_to_response_openmetrics(self) -> HttpResponse:
        """Return the metrics of the base class, with warnings in a separate gauge instead of as failures."""
        degraded = [result.check.component for result in self.results if isinstance(result.error, ServiceWarning)]
        self.results = [
            HealthCheckResult(
                check=result.check,
                error=None if result.check.component in degraded else result.error,
                time_taken=result.time_taken,
            )
            for result in self.results
        ]
        response: HttpResponse = super().render_to_response_openmetrics()
        lines = [
            "# HELP enginel_health_degraded Whether a component works with a warning",
            "# TYPE enginel_health_degraded gauge",
            *(
                f'enginel_health_degraded{{check="{result.check.component}"}} {result.check.component in degraded:d}'
                for result in self.results
            ),
            "# EOF\n",
        ]
        response.content = response.content.removesuffix(b"# EOF\n") + "\n".join(lines).encode()
        return response


class ReadyView(StatusView):
    """Readiness of this process: the state of the components that requests need, see `conf.ready_components`."""

    def default_components(self) -> tuple[str, ...]:
        return conf.ready_components


def _wanted_format(request: HttpRequest) -> str | HttpResponse:
    """Return the requested format, or an error response if it is unknown or not acceptable."""
    asked = request.GET.get("format")
    if asked is not None:
        return asked if asked in _FORMATS else _refused(request, "format")
    found = preferred_format(request.headers.get("accept", ""), _FORMAT_OF)
    if found is None:
        supported = ", ".join(_FORMAT_OF)
        return error_response(request, 406, f"None of the accepted types is among {supported}.", "not_acceptable")
    return found


def _refused(request: HttpRequest, parameter: str) -> HttpResponse:
    known = ", ".join(HealthChecker.components() if parameter == "checks" else _FORMATS)
    return error_response(request, 400, f"Unknown {parameter}. Known: {known}.", "invalid")


def _result_of(outcome: Outcome) -> HealthCheckResult:
    return HealthCheckResult(check=_FinishedCheck(outcome.component), error=outcome.error, time_taken=outcome.seconds)


def _is_admin(request: HttpRequest, report: HealthReport) -> bool:
    if "Authorization" not in request.headers and settings.SESSION_COOKIE_NAME not in request.COOKIES:
        return False
    database = report.outcomes.get("database")
    if database is not None and database.status == _UNHEALTHY:
        # Users cannot be identified without the database, and a query could block for a long time.
        return False
    return _authenticate(request)


def _authenticate(request: HttpRequest) -> bool:
    with guarded("health_authenticate"):
        try:
            user = Request(request, authenticators=[TokenAuthentication(), SessionAuthentication()]).user
        except APIException:
            return False  # a wrong token gets the public view, like no token
        return bool(user and user.is_active and user.is_staff)
    return False


def _page(report: HealthReport, is_admin: bool) -> dict[str, Any]:
    strips: Mapping[str, list[str]] = {}
    is_history_known = False
    with suppress(StoreAway):
        strips = HealthChecker.last_hour(report.outcomes)
        is_history_known = True
    since = HealthChecker.since(report)
    # For admins only: it contains names of hosts and processes.
    known = HealthChecker.last_known() if is_admin else {}
    return {
        "is_history_known": is_history_known,
        "service": conf.service,
        "status": report.status,
        "checked_at": report.checked_at,
        "refresh_seconds": _REFRESH_SECONDS,
        "is_admin": is_admin,
        "components": [
            {
                "name": name,
                "status": outcome.status,
                "message": outcome.message,
                "time_taken_ms": round(outcome.seconds * 1000, 1),
                "changed_at": _moment(since[name]),
                "strip": strips.get(name, []),
                "detail": outcome.detail if is_admin else "",
                "seen_by": known.get(name, {}).get("by", ""),
            }
            for name, outcome in report.outcomes.items()
        ],
    }


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
