"""Error responses in JSON: ``{"detail", "code", "error_id"}``, and ``field`` if known.

Failures caused by a file also have the stage, the reason and the place in the file, if known. No other module writes
error JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from rest_framework import exceptions as drf
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_exception_handler

from designs import context as run_context
from designs.cad.reasons import shown_facts
from designs.exceptions import EnginelBaseException
from designs.http.error_pages import error_page, prefers_json
from designs.http.request_bodies import refusal_of
from designs.monitoring import ErrorTracker, guarded, is_withheld, own_words

__all__ = [
    "bad_request",
    "csrf_failure",
    "error_response",
    "exception_handler",
    "mark_handled",
    "method_not_allowed",
    "not_found",
    "permission_denied",
    "server_error",
]

_API_PREFIX = "/api/"
_UNKNOWN_FAILURE = "The service failed to handle this request. It has been recorded."


def exception_handler(exc: Exception, context: Mapping[str, Any]) -> Response | None:
    """Return the response to an exception of a DRF view; record the exception unless it is a client error.

    Delegates to DRF's handler, which also calls ``set_rollback``. Returns None for exceptions that DRF does not handle:
    Django answers them with 500, and `designs.middleware.record_unhandled` records them.
    """
    response = drf_exception_handler(exc, dict(context))
    if response is None:
        return None
    # Earlier work for a controlled design may have left this exception behind; its text is not for this client.
    is_left_behind = not run_context.is_controlled() and is_withheld(exc)
    error_id = _record(exc, response.status_code, context)
    response.data = _body_of(exc, response.data, response.status_code, error_id)
    if is_left_behind:
        response.data["detail"] = own_words(exc)
    request = context.get("request")
    if request is not None:
        mark_handled(request, error_id)
    return response


def mark_handled(request: Any, error_id: str | None) -> None:
    """Mark a request as handled, so that the outermost middleware does not record its failure again."""
    django_request = getattr(request, "_request", request)
    django_request.enginel_handled = True
    django_request.enginel_error_id = error_id


def _record(exc: Exception, status: int, context: Mapping[str, Any]) -> str | None:
    # A stored failure (a design that failed in a worker) was recorded already; reuse the id of that occurrence.
    if getattr(exc, "already_recorded", False):
        return getattr(exc, "error_id", None) or None
    if not isinstance(exc, EnginelBaseException) and status < 500:
        return None
    severity = exc.severity if isinstance(exc, EnginelBaseException) else "ERROR"
    with guarded("exception_handler"):
        facts = {"status": status, "view": type(context.get("view")).__name__}
        record = ErrorTracker.log_error(exc, facts, severity=severity, source="http")
        return record.get("event_id")
    return None


def _body_of(exc: Exception, data: Any, status: int, error_id: str | None) -> dict[str, Any]:
    if isinstance(exc, EnginelBaseException):
        body: dict[str, Any] = {"detail": exc.detail, "code": exc.code, "error_id": error_id}
        # Only details from a closed list: all others may quote a file.
        return {**body, **({"field": exc.field} if exc.field else {}), **shown_facts(exc.details)}
    if isinstance(exc, drf.APIException):
        detail = _UNKNOWN_FAILURE if status >= 500 else _detail(data)
        return {"detail": detail, "code": _code(exc), "error_id": error_id}
    code = "not_found" if isinstance(exc, Http404) else "permission_denied"
    return {"detail": _detail(data), "code": code, "error_id": error_id}


def _detail(data: Any) -> Any:
    return data["detail"] if isinstance(data, dict) and set(data) == {"detail"} else data


def _code(exc: drf.APIException) -> str:
    codes = exc.get_codes()
    return codes if isinstance(codes, str) else exc.default_code


def server_error(request: HttpRequest) -> HttpResponse:
    """Return the response of Django's handler500: the error id, but no internal details."""
    if _wants_json(request):
        return error_response(request, 500, _UNKNOWN_FAILURE, "error")
    recorded = getattr(request, "enginel_error_id", None)
    text = "The service failed to handle this request."
    text += " The failure has been recorded under the id below." if recorded else " Try again in a moment."
    return error_page(request, 500, "Something went wrong", text)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return the response of Django's handler404."""
    if _wants_json(request):
        return error_response(request, 404, "Not found.", "not_found")
    return error_page(request, 404, "Page not found", "No page has this address. Check it for mistakes.")


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return the response of Django's handler403."""
    if _wants_json(request):
        return error_response(request, 403, "You do not have permission to do this.", "permission_denied")
    text = "You do not have permission to see this. Sign in as another user, or ask an admin for access."
    return error_page(request, 403, "No permission", text, sign_in=True)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Return the response of Django's CSRF_FAILURE_VIEW."""
    if _wants_json(request):
        return error_response(request, 403, "The CSRF token is missing or wrong.", "permission_denied")
    text = "The form has no valid security token. Go back, reload the page, allow cookies and send it again."
    return error_page(request, 403, "Form not accepted", text)


def _wants_json(request: HttpRequest) -> bool:
    return request.path.startswith(_API_PREFIX) or prefers_json(request)


def method_not_allowed(request: HttpRequest, allowed: Sequence[str]) -> HttpResponse:
    """Return 405 for a method that a plain Django view below /api/ does not support."""
    response = error_response(request, 405, f'Method "{request.method}" not allowed.', "method_not_allowed")
    response["Allow"] = ", ".join(allowed)
    return response


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return the response of Django's handler400: bad host, too large, malformed parts, or a refused body."""
    if (refusal := refusal_of(exception)) is not None:
        return error_response(request, refusal.status_code, refusal.detail, refusal.code)
    if _wants_json(request):
        return error_response(request, 400, "This request cannot be understood.", "bad_request")
    return error_page(
        request, 400, "Request not understood", "The request is malformed, too large or for another host."
    )


def error_response(request: HttpRequest, status: int, detail: str, code: str, **more: Any) -> JsonResponse:
    """Return an error response of a plain Django view: the error body with further keys."""
    error_id = getattr(request, "enginel_error_id", None)
    return JsonResponse({"detail": detail, "code": code, "error_id": error_id, **more}, status=status)
