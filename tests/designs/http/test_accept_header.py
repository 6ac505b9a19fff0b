"""Accept headers as clients write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from designs.http.accept_header import preferred_format

FORMATS = {"application/json": "json", "text/html": "html", "text/plain": "text", "application/rss+xml": "rss"}


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("", "json"),
        ("*/*", "json"),
        ("*", "json"),
        ("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", "html"),
        ("image/gif, image/jpeg, *; q=.2, */*; q=.2", "json"),
        ("TEXT/HTML", "html"),
        ("Application/JSON;Q=0.9, Text/Html;Q=1", "html"),
        ("text/*", "html"),
        ("text/*, text/html;q=0", "text"),
        ("*/*, application/json;q=0", "html"),
        ("*/*;q=0.1, text/plain;q=0.2", "text"),
        ("application/*", "json"),
        ("application/xml, application/rss+xml;q=0.5", "rss"),
        ("text/html;level=1;charset=utf-8", "html"),
        ("text/html; q=1., text/plain", "html"),
        ("text/html;q=0., text/plain;q=.001", "text"),
        ("garbage;;, text/html", "html"),
        ("text/html;q=x, text/plain", "text"),
        ("text/html;q=2, text/plain;q=-1, application/json", "json"),
        ("text/html;q=nan", "json"),
        (";;;", "json"),
        ("text", "json"),
        (",,,", "json"),
        ("text/html," * 5_000, "html"),
        ("image/png", None),
        ("image/*", None),
        ("*/*;q=0", None),
        ("application/json;q=0", None),
    ],
)
def test_the_best_liked_format_is_found(header: str, wanted: str | None) -> None:
    assert preferred_format(header, FORMATS) == wanted


@given(st.text(max_size=200) | st.text(alphabet="*/;,q=.01textjson ", max_size=60))
def test_any_text_is_read(header: str) -> None:
    assert preferred_format(header, FORMATS) in {*FORMATS.values(), None}


@given(st.text(alphabet="*/;q=.01textjson \x00\u00e9", max_size=40))
def test_no_entry_voids_the_others(noise: str) -> None:
    wanted = preferred_format("text/plain", FORMATS)

    assert preferred_format(f"{noise};q=0.5,text/plain", FORMATS) == wanted
