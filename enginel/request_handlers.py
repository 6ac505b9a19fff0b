"""Django request handlers that ignore invalid charsets and limit the bodies of requests.

``Content-Type: text/plain; charset=base64`` names a Python codec that is no charset. Django uses it as the encoding of
the query string, so parsing the query string raises before any middleware has run. Such a charset is ignored, as
unknown ones are.

Reading a malformed chunked body raises `OSError`, as reading a truncated body does. gunicorn raises its own
exceptions here, which Django does not handle. A body that arrives too slowly, or is too large for a request without a
user, is refused with `designs.http.request_bodies.BodyRefused`. A request without credentials is refused before its
view is called; any other when the view reads the body, since most views check the login first.
"""

from __future__ import annotations

import io
import weakref
from collections.abc import Callable, Iterator
from typing import IO, Any, BinaryIO, cast

from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.utils.http import parse_header_parameters

from designs.http.request_bodies import (
    ANONYMOUS_MAX_BYTES,
    BodyRefused,
    BodyTooLarge,
    BodyTooSlow,
    claims_login,
    discard_body,
)
from enginel.paced_body import PacedBody
from enginel.slow_clients import PacedSocket, SlowClient

__all__ = ["TextASGIHandler", "TextWSGIHandler"]

_NO_BODY = ("", "0")


class _TextOnly:
    content_params: dict[str, str] | None

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        content_type, params = parse_header_parameters(meta.get("CONTENT_TYPE", ""))
        if _is_charset(params.get("charset", "utf-8")):
            super()._set_content_type_params(meta)  # type: ignore[misc]
        else:
            super()._set_content_type_params({**meta, "CONTENT_TYPE": content_type})  # type: ignore[misc]
            self.content_params = {name: value for name, value in params.items() if name != "charset"}


def _is_charset(name: str) -> bool:
    try:
        "a".encode(name)
    except (LookupError, UnicodeError, ValueError):
        return False
    return True


class _Body:
    """The body of a WSGI request. Faults of the client during a read raise `OSError` or `BodyRefused`."""

    def __init__(self, environ: dict[str, Any], request: WSGIRequest) -> None:
        self._stream: IO[bytes] = environ["wsgi.input"]
        self._connection = environ.get("gunicorn.socket")
        # Weak: the request refers to its body.
        self._request = weakref.ref(request)
        self._is_limited = True
        try:
            self._declared = int(environ.get("CONTENT_LENGTH") or 0)
        except ValueError:
            self._declared = 0
        self._received = 0

    def read(self, size: int = -1) -> bytes:
        return self._receive(self._stream.read, size)

    def readline(self, size: int = -1) -> bytes:
        return self._receive(self._stream.readline, size)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")

    def _receive(self, receive: Callable[[int], bytes], size: int) -> bytes:
        if self._is_limited and max(self._received, self._declared) > ANONYMOUS_MAX_BYTES:
            self._require_user()
        try:
            data = receive(size)
        except SlowClient as exc:
            raise BodyTooSlow from exc
        except OSError:
            raise
        except Exception as exc:
            raise OSError("the chunked body is malformed") from exc
        self._received += len(data)
        return data

    def _require_user(self) -> None:
        request = self._request()
        user = getattr(request, "user", None)
        if not (getattr(request, "discards_body", False) or getattr(user, "is_authenticated", False)):
            raise self._too_large()
        self._is_limited = False

    def _too_large(self) -> BodyTooLarge:
        if isinstance(self._connection, PacedSocket):
            self._connection.close_after_answer()
        return BodyTooLarge()

    def judge(self, request: WSGIRequest) -> None:
        """Check the body size of a request without credentials, even if its view does not read the body.

        A chunked body is received here, since its size is unknown before. Django would treat it as empty.

        Raises:
            BodyRefused: The body is too large, too slow or malformed.
        """
        is_chunked = not self._declared and request.META.get("wsgi.input_terminated", False)
        if claims_login(request) or not (is_chunked or self._declared > ANONYMOUS_MAX_BYTES):
            return
        received = self._receive_start() if is_chunked else b""
        if max(self._declared, len(received)) > ANONYMOUS_MAX_BYTES:
            if is_chunked:
                request._stream = cast("BinaryIO", self)  # noqa: SLF001  # there is no public name
            refusal = self._too_large()
            discard_body(request)
            raise refusal
        if is_chunked:
            request._stream = io.BytesIO(received)  # noqa: SLF001  # there is no public name
            request.META["CONTENT_LENGTH"] = str(len(received))

    def _receive_start(self) -> bytes:
        """Return the body, cut as soon as it exceeds the limit for anonymous bodies."""
        received = b""
        try:
            while len(received) <= ANONYMOUS_MAX_BYTES and (
                data := self._receive(self._stream.read, ANONYMOUS_MAX_BYTES + 1 - len(received))
            ):
                received += data
        except OSError as exc:
            raise BodyRefused from exc
        return received


class _TextWSGIRequest(_TextOnly, WSGIRequest):
    def __init__(self, environ: dict[str, Any]) -> None:
        if environ.get("CONTENT_LENGTH", "0") not in _NO_BODY or "HTTP_TRANSFER_ENCODING" in environ:
            environ["wsgi.input"] = _Body(environ, self)
        super().__init__(environ)


class _TextASGIRequest(_TextOnly, ASGIRequest):
    pass


class TextWSGIHandler(WSGIHandler):
    request_class = _TextWSGIRequest

    def resolve_request(self, request: Any) -> Any:
        match = super().resolve_request(request)
        body = request.environ["wsgi.input"]
        if type(body) is _Body:
            body.judge(request)
        return match


class TextASGIHandler(ASGIHandler):
    request_class = _TextASGIRequest

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        body = PacedBody(scope, receive)
        await super().handle(scope, body.receive, send)
        if body.refusal is not None:
            await body.answer(send)
