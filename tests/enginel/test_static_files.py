"""Static files come whole through both kinds of stack, and make no stack sync that could be async."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.core.management import call_command
from django.http import HttpResponse
from django.test import Client, override_settings
from django.utils.module_loading import import_string

# A request closes connections that another test left behind, and looks at them for it.
pytestmark = pytest.mark.django_db

STYLE = b"body { color: #123456 }\n" * 10_000
Ask = Callable[..., tuple[Any, bytes]]


def ask_sync(path: str, method: str = "get", **headers: str) -> tuple[Any, bytes]:
    response = getattr(Client(), method)(path, headers=headers)
    return response, b"".join(response.streaming_content) if response.streaming else response.content


async def _ask_async(path: str, method: str = "get", **headers: str) -> tuple[Any, bytes]:
    """Ask as a server does: Django's client takes the body from a HEAD or a 304 itself."""
    to_come: list[Any] = [{"type": "http.request", "body": b""}]
    sent: list[Any] = []

    async def receive() -> Any:
        if not to_come:
            # The client stays.
            await asyncio.Event().wait()
        return to_come.pop()

    async def send(message: Any) -> None:
        sent.append(message)

    named = {"host": "testserver", **{name.replace("_", "-"): value for name, value in headers.items()}}
    scope = {
        "type": "http", "method": method.upper(), "path": path, "query_string": b"", "http_version": "1.1",
        "headers": [(name.encode(), value.encode()) for name, value in named.items()],
    }  # fmt: skip
    await ASGIHandler()(scope, receive, send)
    start, *parts = sent
    response = HttpResponse(status=start["status"], headers={k.decode(): v.decode() for k, v in start["headers"]})
    return response, b"".join(part.get("body", b"") for part in parts)


@pytest.fixture(params=[ask_sync, async_to_sync(_ask_async)], ids=["sync", "async"])
def ask(request: pytest.FixtureRequest) -> Ask:
    give: Ask = request.param
    return give


@pytest.fixture
def _collected(tmp_path: Path) -> Iterator[None]:
    """Files as `collectstatic` leaves them, and no look at the disk for each request, as in production."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app/style.css").write_bytes(STYLE)
    (tmp_path / "app/style.css.gz").write_bytes(gzip.compress(STYLE))
    with override_settings(STATIC_ROOT=tmp_path, WHITENOISE_AUTOREFRESH=False, WHITENOISE_USE_FINDERS=False):
        yield


@pytest.mark.usefixtures("_collected")
class TestCollected:
    def test_a_file_comes_whole_with_its_type_and_length(self, ask: Ask) -> None:
        response, body = ask("/static/app/style.css")

        assert (response.status_code, body) == (200, STYLE)
        assert response["Content-Type"].startswith("text/css")
        assert response["Content-Length"] == str(len(STYLE))

    def test_who_takes_gzip_gets_it(self, ask: Ask) -> None:
        response, body = ask("/static/app/style.css", accept_encoding="gzip")

        assert response["Content-Encoding"] == "gzip"
        assert gzip.decompress(body) == STYLE

    def test_a_range_is_that_part(self, ask: Ask) -> None:
        response, body = ask("/static/app/style.css", range="bytes=5-99999")

        assert (response.status_code, body) == (206, STYLE[5:100_000])

    def test_what_a_client_has_is_not_sent_again(self, ask: Ask) -> None:
        first, _ = ask("/static/app/style.css")
        response, body = ask("/static/app/style.css", if_modified_since=first["Last-Modified"])

        assert (response.status_code, body) == (304, b"")

    def test_head_has_no_body(self, ask: Ask) -> None:
        response, body = ask("/static/app/style.css", method="head")

        assert (response.status_code, body) == (200, b"")
        assert response["Content-Length"] == str(len(STYLE))

    def test_any_other_method_is_refused(self, ask: Ask) -> None:
        assert ask("/static/app/style.css", method="post")[0].status_code == 405

    @pytest.mark.parametrize("path", ["/static/app/none.css", "/static/", "/static/../settings.py", "/static/app"])
    def test_what_is_no_file_goes_to_the_urls(self, ask: Ask, path: str) -> None:
        assert ask(path)[0].status_code == 404

    def test_every_other_path_does_too(self, ask: Ask) -> None:
        assert ask("/api/health/")[1] == b'{"status": "ok", "service": "enginel"}'


def test_a_file_of_a_package_needs_no_collecting_in_development(ask: Ask) -> None:
    with override_settings(WHITENOISE_AUTOREFRESH=True, WHITENOISE_USE_FINDERS=True):
        response, body = ask("/static/admin/css/base.css")

    assert response.status_code == 200
    assert body.startswith(b"/*")


@pytest.fixture
def _from_packages(tmp_path: Path) -> Iterator[None]:
    with override_settings(ENGINEL_STATE_DIR=tmp_path, WHITENOISE_AUTOREFRESH=True, WHITENOISE_USE_FINDERS=True):
        yield


@pytest.mark.usefixtures("_from_packages")
class TestFromPackages:
    @pytest.mark.parametrize("path", ["designs/enginel.css", "admin/js/core.js", "designs/healthy.svg"])
    def test_a_file_is_compressed_in_development_too(self, ask: Ask, path: str) -> None:
        plain, whole = ask(f"/static/{path}")
        # The second comes from the copy.
        for _ in range(2):
            packed, body = ask(f"/static/{path}", accept_encoding="gzip")

            assert packed["Content-Type"] == plain["Content-Type"]
            if len(whole) >= 1024:
                assert packed["Content-Encoding"] == "gzip"
                assert gzip.decompress(body) == whole
                assert len(body) < len(whole)
        assert "Content-Encoding" not in plain

    def test_a_changed_file_is_compressed_anew(self, ask: Ask, tmp_path: Path) -> None:
        source = tmp_path / "source"
        source.mkdir()
        with override_settings(STATICFILES_DIRS=[source]):
            for text in (b"a" * 5000, b"b" * 6000):
                (source / "changing.css").write_bytes(text)
                assert gzip.decompress(ask("/static/changing.css", accept_encoding="gzip")[1]) == text

        assert len(list((tmp_path / "static-gzip").iterdir())) == 1

    def test_without_room_for_copies_it_comes_as_it_is(self, ask: Ask, tmp_path: Path) -> None:
        (tmp_path / "static-gzip").write_text("in the way")

        response, body = ask("/static/designs/enginel.css", accept_encoding="gzip")

        assert "Content-Encoding" not in response
        assert body.startswith(b"/*")


def test_collected_files_are_compressed(tmp_path: Path) -> None:
    with override_settings(STATIC_ROOT=tmp_path):
        call_command("collectstatic", interactive=False, verbosity=0)

    for name in ("designs/enginel.css", "admin/css/base.css", "drf_spectacular_sidecar/swagger-ui-dist/swagger-ui.css"):
        assert gzip.decompress((tmp_path / f"{name}.gz").read_bytes()) == (tmp_path / name).read_bytes()


def test_every_middleware_serves_both_kinds_of_stack() -> None:
    """One that cannot be awaited would have Django run those outside of it in a thread."""
    for name in settings.MIDDLEWARE:
        middleware = import_string(name)
        assert (middleware.sync_capable, middleware.async_capable) == (True, True), name
