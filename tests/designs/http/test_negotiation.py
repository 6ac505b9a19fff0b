"""The API answers clients whose Accept header is malformed, and error pages read it by the same rule."""

from __future__ import annotations

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db

JAVA = "text/html, image/gif, image/jpeg, *; q=.2"
ACCEPTED = [
    JAVA,
    "*",
    " * ;q=0.5",
    ",",
    ";q=1",
    "*/*;q=0.8, garbage",
    "json",
    "application/json;q=abc",
    "APPLICATION/JSON",
]


@pytest.mark.parametrize("accept", ACCEPTED)
@pytest.mark.parametrize("path", ["/api/designs/", "/api/series/", "/api/schema/"])
def test_a_malformed_accept_header_is_answered(api: Client, path: str, accept: str) -> None:
    assert api.get(path, HTTP_ACCEPT=accept).status_code == 200


@pytest.mark.parametrize("accept", ["image/png", "text/csv, garbage"])
def test_a_sound_header_that_accepts_nothing_of_ours_is_refused(api: Client, accept: str) -> None:
    assert api.get("/api/designs/", HTTP_ACCEPT=accept).status_code == 406


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("application/json;q=abc, text/html", "text/html"),
        ("text/html;q=0, */*", "application/json"),
        ("application/json, text/plain, */*", "application/json"),
        (JAVA, "text/html"),
        ("*", "text/html"),
    ],
)
def test_an_error_page_follows_the_sound_entries(client: Client, accept: str, kind: str) -> None:
    assert client.get("/nothing-here", HTTP_ACCEPT=accept)["Content-Type"].startswith(kind)
