from __future__ import annotations

import io
from typing import Any

import pytest
from django.test import RequestFactory
from rest_framework.exceptions import ParseError

from designs.http.parsers import JSONParser
from designs.http.request_bodies import discard_body


def parse(body: bytes) -> Any:
    return JSONParser().parse(io.BytesIO(body), "application/json", {"encoding": "utf-8"})


def test_json_of_any_script_is_read() -> None:
    assert parse('{"a": ["ü", "部", "\\ud83d\\ude00", "😀"]}'.encode()) == {"a": ["ü", "部", "😀", "😀"]}


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"NaN", b"[" * 100_000, b'"\\ud800"', b'{"\\udc00": 1}', b'[["\\ud800"]]', b"9" * 5000, b"\xff"],
)
def test_what_cannot_be_read_or_repeated_is_the_clients_error(body: bytes) -> None:
    with pytest.raises(ParseError):
        parse(body)


def test_discarding_reads_the_rest_of_a_body(rf: RequestFactory) -> None:
    request = rf.post("/", b"x" * 200_000, content_type="text/plain")
    request.read(10)

    discard_body(request)

    assert request.read() == b""


def test_discarding_a_body_that_was_read_and_closed_is_fine(rf: RequestFactory) -> None:
    request = rf.post("/", b"x", content_type="text/plain")
    closed = io.BytesIO()
    closed.close()
    request._stream = closed  # type: ignore[attr-defined]

    discard_body(request)
