"""Views that do what a test tells them: one of each kind Django and DRF know."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from inspect import isawaitable
from typing import Any

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.template.response import TemplateResponse
from rest_framework import serializers, throttling
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

Action = Callable[[Any], Any]


def _nothing(request: Any) -> None:
    """What the views do unless told otherwise."""


_action: list[Action] = [_nothing]


@contextmanager
def doing(action: Action) -> Iterator[None]:
    """Let the views call ``action`` with their request; what it returns, if anything, is the response."""
    _action.append(action)
    try:
        yield
    finally:
        _action.pop()


def raising(error: BaseException) -> Action:
    """Return an action that raises."""

    def act(request: Any) -> None:
        raise error

    return act


def plain(request: HttpRequest) -> HttpResponse:
    return _action[-1](request) or HttpResponse("fine")


def long(request: HttpRequest, rest: str) -> HttpResponse:
    return plain(request)


async def plain_async(request: HttpRequest) -> HttpResponse:
    answer = _action[-1](request)
    return (await answer if isawaitable(answer) else answer) or HttpResponse("fine")


class DRFView(APIView):
    permission_classes: list[Any] = []

    def get(self, request: Request) -> Response:
        return _action[-1](request) or Response({"fine": True})


class ClosedView(APIView):
    """For whoever is logged in."""

    def get(self, request: Request) -> Response:
        return _action[-1](request) or Response({"fine": True})


class NoMore(throttling.BaseThrottle):
    def allow_request(self, request: Request, view: APIView) -> bool:
        return False

    def wait(self) -> float:
        return 7.0


class ThrottledView(DRFView):
    throttle_classes = [NoMore]


class Form(serializers.Serializer[Any]):
    number = serializers.IntegerField()


class FormView(APIView):
    permission_classes: list[Any] = []

    def post(self, request: Request) -> Response:
        form = Form(data=request.data)
        form.is_valid(raise_exception=True)
        return Response(form.data)


def stream(request: HttpRequest) -> StreamingHttpResponse:
    def body() -> Iterator[bytes]:
        yield b"begun "
        _action[-1](request)
        yield b"ended"

    return StreamingHttpResponse(body())


async def stream_async(request: HttpRequest) -> StreamingHttpResponse:
    async def body() -> AsyncIterator[bytes]:
        yield b"begun "
        _action[-1](request)
        yield b"ended"

    return StreamingHttpResponse(body())


class FailingMiddleware:
    """Raises before any view is asked."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        raise LookupError("middleware broke")


def nothing(request: HttpRequest) -> None:
    """A view that forgets to answer."""


class Unrenderable:
    """What a template engine's object may be: it fails when the response is rendered, after the view."""

    def render(self, context: Any, request: HttpRequest) -> str:
        raise RuntimeError("the template broke")


def template(request: HttpRequest) -> TemplateResponse:
    return TemplateResponse(request, Unrenderable())  # type: ignore[arg-type]


class FailingProcessViewMiddleware:
    """Raises once the view is known."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: object, args: object, kwargs: object) -> None:
        raise LookupError("process_view broke")
