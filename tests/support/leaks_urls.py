"""The service's URLs and, beside them, views that fail or leak a secret."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from enginel.urls import urlpatterns as service_urlpatterns
from tests.support.secret_leaks import WAYS

__all__ = ["urlpatterns"]


class Failed(Exception):
    """A group for each road, so that Sentry gets an event of each."""

    @property
    def error_fingerprint(self) -> list[str]:
        return [f"failed {self.args[0]}"]


@csrf_exempt
def leak(request: HttpRequest, way: str) -> HttpResponse:
    """Leak the ``password`` of a JSON body."""
    password = json.loads(request.body)["password"]
    WAYS[way](password)
    return HttpResponse("leaked")


@csrf_exempt
def fail(request: HttpRequest, road: str) -> HttpResponse:
    """Read what the client sent in each way, and fail."""
    seen = {**request.GET.dict(), **request.POST.dict(), "cookies": request.COOKIES, "files": list(request.FILES)}
    raise Failed(road, len(seen))


class Fail(APIView):
    """The same for a view of the API."""

    permission_classes: list[Any] = []
    authentication_classes: list[Any] = []

    def post(self, request: Request, road: str) -> Response:
        raise Failed(f"API {road}", len(request.data))


urlpatterns = [
    path("leak/<str:way>/", leak),
    path("fail/<str:road>/", fail),
    path("api/fail/<str:road>/", Fail.as_view()),
    *service_urlpatterns,
]
