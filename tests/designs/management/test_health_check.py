"""``manage.py health_check`` and its exit codes."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.core.management import call_command, get_commands
from health_check.exceptions import ServiceUnavailable, ServiceWarning

from designs.monitoring.health import checker
from integrations.health import Plugin
from tests.support.stack import RunningStack, manage

ANSWERS = {
    200: b"database: OK\n",
    503: b"database: Unavailable\n",
    500: b"error\n",
    400: b"",
    404: b"",
}


def run(*arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with pytest.raises(SystemExit) as caught:
        call_command("health_check", *arguments, stdout=out, stderr=err)
    return int(caught.value.code or 0), out.getvalue(), err.getvalue()


class Part(Plugin):
    error: Exception | None = None

    def run(self) -> None:
        if self.error is not None:
            raise self.error


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(checker, "_plugins", {"database": Part, "storage": Part})
    yield
    assert checker.runner.wait(10)


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    """A server that answers what its ``status`` says and keeps the last request's headers."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.seen = self.headers  # type: ignore[attr-defined]
            self.send_response(server.status)  # type: ignore[attr-defined]
            self.end_headers()
            self.wfile.write(ANSWERS[server.status])  # type: ignore[attr-defined]

        def log_message(self, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_it_is_ours_and_not_django_health_checks() -> None:
    assert get_commands()["health_check"] == "designs"


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (None, 0, "database: healthy: answers"),
        (ServiceWarning("almost full"), 0, "database: degraded: almost full"),
        (ServiceUnavailable("does not answer"), 1, "database: unhealthy: does not answer"),
    ],
)
def test_without_http_the_exit_code_is_the_worst_component(
    parts: None, monkeypatch: pytest.MonkeyPatch, error: Exception | None, code: int, line: str
) -> None:
    monkeypatch.setattr(Part, "error", error)

    exit_code, out, _ = run("--no-http")

    assert exit_code == code
    assert line in out.splitlines()


def test_some_components_can_be_named_and_unknown_ones_are_refused(parts: None) -> None:
    assert run("--no-http", "--checks", "storage")[:2] == (0, "storage: healthy: answers\n")
    code, _, err = run("--no-http", "--checks", "storage,nothing")
    assert (code, "'nothing'" in err) == (2, True)


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1), (500, 1), (400, 2), (404, 2)])
def test_over_http_the_exit_code_is_the_status(server: HTTPServer, status: int, code: int) -> None:
    server.status = status  # type: ignore[attr-defined]

    exit_code, out, err = run("health-detailed", f"127.0.0.1:{server.server_port}", "--forwarded-host", "cad.example")

    assert (exit_code, out) == (code, ANSWERS[status].decode() if code < 2 else "")
    assert bool(err) == (code == 2)
    assert server.seen["Host"] == server.seen["X-Forwarded-Host"] == "cad.example"  # type: ignore[attr-defined]


def test_a_port_alone_is_this_host(server: HTTPServer) -> None:
    server.status = 200  # type: ignore[attr-defined]

    assert run("health-ready", str(server.server_port))[0] == 0


def test_nobody_there_and_no_such_endpoint_are_exit_code_2() -> None:
    assert run("health-detailed", "127.0.0.1:1")[0] == 2
    assert run("no-such-name")[0] == 2


def test_it_asks_a_running_stack(running: RunningStack) -> None:
    out = manage(running.stack, "health_check", "health-ready", f"127.0.0.1:{running.stack.ports.web}")

    assert out == "database: OK"
