"""Forms and bodies of uploads, as clients send them."""

from __future__ import annotations

from typing import Any

from django.test import Client

from designs.models import Series

__all__ = ["IGES", "PNG", "STEP", "URL", "file_part", "post_raw", "raw_form", "send_stream"]

URL = "/api/designs/upload/"
STEP = b"ISO-10303-21;\nHEADER;\n"
IGES = b" " * 72 + b"S      1\n"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 5000


def send_stream(client: Client, body: Any, **environ: Any) -> Any:
    """Send a body as a stream of its own, which the test client would make of bytes."""
    content_type = "multipart/form-data; boundary=b"
    return client.generic("POST", URL, CONTENT_TYPE=content_type, **{"wsgi.input": body, **environ})


def file_part(name: str, content: bytes = STEP, field: str = "file") -> bytes:
    disposition = f'Content-Disposition: form-data; name="{field}"; filename="{name}"'
    return b"--b\r\n" + disposition.encode() + b"\r\n\r\n" + content + b"\r\n"


def raw_form(series: Series, *, file_part: bytes = b"", end: bytes = b"--b--\r\n") -> bytes:
    """Return a form with a series, its parts put together by hand."""
    field = f'--b\r\nContent-Disposition: form-data; name="series"\r\n\r\n{series.pk}\r\n'
    return file_part + field.encode() + end


def post_raw(client: Client, body: bytes, content_type: str = "multipart/form-data; boundary=b") -> Any:
    return client.generic("POST", URL, body, content_type=content_type)
