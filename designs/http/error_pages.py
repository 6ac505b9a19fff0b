"""HTML error pages in one layout, without internal details and without a database query."""

from __future__ import annotations

import logging

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.template.loader import render_to_string
from django.utils.html import escape

from designs import context
from designs.conf import conf
from designs.http.accept_header import preferred_format
from designs.views.pages import sealed

__all__ = ["error_page", "prefers_json"]

logger = logging.getLogger("enginel.pages")

_FORMATS = {"text/html": "html", "application/json": "json"}
# Fallback page if templates or static files fail.
_FALLBACK_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark">
<title>{heading}</title></head>
<body><h1>{heading}</h1><p>{text}</p><p>{id}</p><p><a href="/">Back to the start page</a></p></body></html>
"""


def prefers_json(request: HttpRequest) -> bool:
    """Return whether the client prefers JSON; clients without a preference get a page."""
    return preferred_format(request.headers.get("accept", ""), _FORMATS) == "json"


def error_page(request: HttpRequest, status: int, heading: str, text: str, *, sign_in: bool = False) -> HttpResponse:
    """Return an error page with a link to the start page and the error id; the request id if nothing was recorded.

    Args:
        request: The failed request; its user is not read.
        status: HTTP status.
        heading: Short description of the problem.
        text: Advice for the user.
        sign_in: Whether to show a link to the login page.
    """
    error_id, request_id = getattr(request, "enginel_error_id", None), context.current().request_id
    facts = {
        "service": conf.service,
        # Selects the icon of the page.
        "status": "unhealthy" if status >= 500 else "unknown",
        "code": status,
        "heading": heading,
        "text": text,
        "error_id": error_id,
        "request_id": request_id,
    }
    try:
        facts["sign_in"] = resolve_url(settings.LOGIN_URL) if sign_in else ""
        # Rendered without the request: context processors could query the database for the user.
        body = str(render_to_string("designs/error.html", facts))
    except Exception:
        logger.warning("the error page could not be rendered; a bare one is sent", exc_info=True)
        shown = f"Error id {error_id}" if error_id else f"Request id {request_id}"
        body = _FALLBACK_PAGE.format(heading=escape(heading), text=escape(text), id=escape(shown))
    return sealed(HttpResponse(body, status=status))
