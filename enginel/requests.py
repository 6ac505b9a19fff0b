"""Requests as Django makes them, but for charsets that are no charsets.

``Content-Type: text/plain; charset=base64`` names a codec Python knows, so Django takes it for the encoding of the
query string, and the first look at it raises before any middleware has run. Such a charset is ignored, as unknown
ones are.

Reading a malformed chunked body raises `OSError`, as reading a truncated body does. gunicorn raises exceptions of its
own here, which Django does not handle.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.utils.http import parse_header_parameters

__all__ = ["TextASGIHandler", "TextWSGIHandler"]


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


@contextmanager
def _malformed_is_os_error() -> Iterator[None]:
    try:
        yield
    except OSError:
        raise
    except Exception as exc:
        raise OSError("the chunked body is malformed") from exc


class _ChunkedBody:
    """A body of unknown size. Chunks that the server cannot decode are the client's fault: `OSError`."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        with _malformed_is_os_error():
            return self._stream.read(size)

    def readline(self, size: int = -1) -> bytes:
        with _malformed_is_os_error():
            return self._stream.readline(size)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")


class _TextWSGIRequest(_TextOnly, WSGIRequest):
    def __init__(self, environ: dict[str, Any]) -> None:
        if "HTTP_TRANSFER_ENCODING" in environ:
            environ["wsgi.input"] = _ChunkedBody(environ["wsgi.input"])
        super().__init__(environ)


class _TextASGIRequest(_TextOnly, ASGIRequest):
    pass


class TextWSGIHandler(WSGIHandler):
    request_class = _TextWSGIRequest


class TextASGIHandler(ASGIHandler):
    request_class = _TextASGIRequest
