"""The start page: where everything is. And the icon that browsers ask for."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.urls import reverse
from django.views.decorators.http import require_safe

from designs.conf import conf
from designs.http.error_pages import prefers_json
from designs.views.pages import sealed

__all__ = ["favicon", "start"]

_LINKS = (
    ("status", "health-detailed", "Status", "How each component is, and was in the last hour."),
    ("dashboard", "admin-monitoring", "Dashboard", "Errors, speed and tasks. For admins."),
    ("admin", "admin:index", "Admin", "Users, organizations and designs. For admins."),
    ("docs", "docs", "API", "All endpoints, to read and to try."),
    ("schema", "schema", "OpenAPI schema", "The same for programs."),
)


@require_safe
def start(request: HttpRequest) -> HttpResponse:
    """Show the links; a client that asks for JSON gets them as an object."""
    if prefers_json(request):
        return JsonResponse({"service": conf.service, "links": {key: reverse(name) for key, name, *_ in _LINKS}})
    links = [{"href": reverse(name), "name": title, "text": text} for _, name, title, text in _LINKS]
    # Without the request: nothing here depends on the user, so no session is read.
    page = render_to_string("designs/start.html", {"service": conf.service, "status": "unknown", "links": links})
    return sealed(HttpResponse(page))


@require_safe
def favicon(request: HttpRequest) -> HttpResponse:
    """Redirect to the icon. Browsers ask for this address where a page names none: JSON, and the admin site."""
    return HttpResponseRedirect(static("designs/unknown.svg"))
