"""Response headers: only static files may be cached, and pages may run only code of this service."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

from designs.middleware.stack import GetResponse, is_async, ours, within

__all__ = ["CONTENT_SECURITY_POLICY", "HeadersMiddleware"]

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""Policy of pages that set none of their own: the admin site and the API documentation."""


@sync_and_async_middleware
def HeadersMiddleware(get_response: GetResponse) -> GetResponse:
    """Set ``Cache-Control: no-store``, and a Content-Security-Policy on pages, where the view has set none."""
    get_response = within(get_response)
    if is_async(get_response):

        async def aserve(request: HttpRequest) -> Any:
            response = await get_response(request)
            _add_headers(response)
            return response

        return ours(aserve)

    def serve(request: HttpRequest) -> Any:
        response = get_response(request)
        _add_headers(response)
        return response

    return ours(serve)


def _add_headers(response: HttpResponseBase) -> None:
    # Redirects and refusals, too. Feeds set their own value, because clients revalidate them, and static files set
    # their lifetime.
    response.headers.setdefault("Cache-Control", "no-store")
    # Django's debug pages have their scripts and styles inline.
    if response.headers.get("Content-Type", "").startswith("text/html") and not settings.DEBUG:
        response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
