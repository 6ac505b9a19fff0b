"""Requests as Django makes them, but for charsets that are no charsets.

``Content-Type: text/plain; charset=base64`` names a codec Python knows, so Django takes it for the encoding of the
query string, and the first look at it raises before any middleware has run. Such a charset is ignored, as unknown
ones are.
"""

from __future__ import annotations

from typing import Any

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


class _TextWSGIRequest(_TextOnly, WSGIRequest):
    pass


class _TextASGIRequest(_TextOnly, ASGIRequest):
    pass


class TextWSGIHandler(WSGIHandler):
    request_class = _TextWSGIRequest


class TextASGIHandler(ASGIHandler):
    request_class = _TextASGIRequest
