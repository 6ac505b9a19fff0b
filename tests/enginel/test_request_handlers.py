"""Charsets that are codecs but no charsets."""

from __future__ import annotations

import io
from typing import Any

import pytest

from enginel.request_handlers import TextWSGIHandler


def status_of(content_type: str) -> str:
    statuses: list[str] = []
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/api/designs/",
        "QUERY_STRING": "page=1",
        "CONTENT_TYPE": content_type,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "wsgi.input": io.BytesIO(),
        "wsgi.url_scheme": "http",
    }
    response = TextWSGIHandler()(environ, lambda status, headers: statuses.append(status))
    response.close()
    return statuses[0]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "charset", ["base64", "rot13", "hex", "zlib", "nonsense", "utf-8", "utf-16", "a\0b", "\xed\xa0\x80"]
)
def test_a_charset_of_any_name_is_answered(charset: str) -> None:
    assert status_of(f"application/json; charset={charset}").startswith("401")
