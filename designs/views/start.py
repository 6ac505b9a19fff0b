"""Start page with links to the other pages, and the favicon."""

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
    ("status", "health-detailed", "Status", "State of each component, now and in the last hour."),
    ("dashboard", "admin-monitoring", "Dashboard", "Errors, speed and tasks. For admins."),
    ("admin", "admin:index", "Admin", "Users, organizations and designs. For admins."),
    ("docs", "docs", "API", "Documentation of all endpoints, with forms to try them."),
    ("schema", "schema", "OpenAPI schema", "The same documentation for programs."),
)


@require_safe
def start(request: HttpRequest) -> HttpResponse:
    """Return the links as a page, or as a JSON object if the client prefers JSON."""
    if prefers_json(request):
        return JsonResponse({"service": conf.service, "links": {key: reverse(name) for key, name, *_ in _LINKS}})
    links = [{"href": reverse(name), "name": title, "text": text} for _, name, title, text in _LINKS]
    # Rendered without the request, so that no session is read: the page is the same for all users.
    page = render_to_string("designs/start.html", {"service": conf.service, "status": "unknown", "links": links})
    return sealed(HttpResponse(page))


@require_safe
def favicon(request: HttpRequest) -> HttpResponse:
    """Redirect to the icon. Browsers request /favicon.ico for responses without an icon link: JSON, the admin site."""
    return HttpResponseRedirect(static("designs/unknown.svg"))
