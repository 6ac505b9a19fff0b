"""Requests to a running stack, as an operator and a stranger send them."""

from __future__ import annotations

import json
import re

import pytest

from tests.support.stack import RunningStack

pytestmark = pytest.mark.timeout(90)


def test_liveness_needs_no_token(running: RunningStack) -> None:
    answer = running.http.request("GET", f"{running.stack.url}/api/health/")

    assert (answer.status, json.loads(answer.data)) == (200, {"status": "ok", "service": "enginel"})


def test_every_answer_carries_a_request_id_and_the_log_line_has_it(running: RunningStack) -> None:
    answer = running.http.request(
        "GET", f"{running.stack.url}/api/designs/", headers={"X-Request-ID": "flow-test-0001"}
    )

    assert answer.headers["X-Request-ID"] == "flow-test-0001"
    lines = [json.loads(line) for line in (running.stack.logs_dir / "web.log").read_text().splitlines()]
    mine = [line for line in lines if line.get("request_id") == "flow-test-0001"]
    assert [line["message"] for line in mine if line["logger"] == "enginel.requests"] == ["GET /api/designs/ 401"]


def test_the_error_list_is_for_admins(running: RunningStack) -> None:
    assert running.get("/api/monitoring/errors/?limit=5")[0] == 200
    assert running.get("/api/monitoring/errors/", token="wrong")[0] == 401


def test_logs_of_all_processes_are_one_json_object_a_line(running: RunningStack) -> None:
    running.marker()

    for name in ("web", "worker", "beat"):
        lines = (running.stack.logs_dir / f"{name}.log").read_text().splitlines()
        # As root, Celery prints a warning before it sets up any logging.
        first = next(number for number, line in enumerate(lines) if line.startswith("{"))
        assert first == 0 or "SecurityWarning" in lines[0]
        for line in lines[first:]:
            assert line.startswith("{"), f"{name}: {line}"
            assert {"timestamp", "level", "logger", "message", "service"} <= json.loads(line).keys(), line


@pytest.mark.parametrize(
    "headers",
    [
        {"SCRIPT_NAME": "/"},
        {"SCRIPT_NAME": "/api"},
        {"Script_Name": "/other"},
        {"PATH_INFO": "/api/health/"},
        {"SCRIPT-NAME": "/api", "PATH-INFO": "/api/health/"},
        {"X-Forwarded-Proto": "https"},
        {"X-Forwarded-Ssl": "on"},
        {"X-Forwarded-Protocol": "ssl"},
        {"X-Forwarded-Host": "evil.example.com", "X-Forwarded-Prefix": "/evil", "X-Original-URL": "/admin/"},
    ],
    ids=" ".join,
)
def test_no_header_of_a_client_changes_urls(running: RunningStack, headers: dict[str, str]) -> None:
    def seen(path: str, sent: dict[str, str]) -> tuple[int, list[str]]:
        answer = running.http.request("GET", running.stack.url + path, headers=sent)
        return answer.status, re.findall(r"""(?:href=|"next": ?)"[^"]*""", answer.data.decode())

    for path in ("/", "/api/health/detailed/?format=atom&checks=database"):
        assert seen(path, headers) == seen(path, {})
    unknown = running.http.request("GET", f"{running.stack.url}/api/nowhere/", headers=headers)
    assert unknown.status == 404


def test_all_that_a_run_keeps_is_for_its_user_only(running: RunningStack) -> None:
    running.marker()

    kept = [running.stack.state_dir, *running.stack.state_dir.rglob("*")]
    assert len(kept) > 10
    assert [str(path) for path in kept if path.exists() and path.stat().st_mode & 0o077] == []
