"""Health answers."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from designs.conf import conf
from designs.handlers import method_not_allowed

__all__ = ["liveness"]


_METHODS = ("GET", "HEAD")


@csrf_exempt
def liveness(request: HttpRequest) -> HttpResponse:
    """Tell that this process serves. Touches nothing: no database, no Redis, no session."""
    if request.method not in _METHODS:
        return method_not_allowed(request, _METHODS)
    return JsonResponse({"status": "ok", "service": conf.service})
