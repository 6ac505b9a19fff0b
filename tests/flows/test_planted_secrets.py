"""Secrets planted by all roads into a running stack are found nowhere: Redis, files, logs, standard error."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import urllib3

from enginel.local.stack import LocalStack, Ports, free_port
from tests.support.redis_content import everything_in
from tests.support.secret_leaks import WAYS
from tests.support.stack import RunningStack, manage, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

# Nothing listens there: events for Sentry wait in the outbox and in the spool.
NO_SENTRY = "http://0123456789abcdef0123456789abcdef@127.0.0.1:9/1"
# What Celery writes to the descriptor of standard output itself; the logs of a stack have both outputs.
SAID: dict[str, list[str]] = {
    "logs/web.log": [],
    "logs/worker.log": ["worker: Warm shutdown (MainProcess)"],
    "logs/beat.log": [],
}
PLANT = re.compile(r"plant[a-z]+[0-9]{9}")


def plant(road: str) -> str:
    """Return a secret that names its road: no form that redaction would know by itself."""
    return f"plant{re.sub('[^a-z]', '', road.lower())}481516234"


REQUESTS: dict[str, dict[str, Any]] = {
    "authorization": {"headers": {"Authorization": f"Bearer {plant('authorization')}"}},
    "basic": {"headers": urllib3.make_headers(basic_auth=f"bob:{plant('basic')}")},
    "api key": {"headers": {"X-Api-Key": plant("api key")}},
    "auth token": {"headers": {"X-Auth-Token": plant("auth token")}},
    "functions key": {"headers": {"X-Functions-Key": plant("functions key")}},
    "client cert key": {"headers": {"X-Client-Cert-Key": plant("client cert key")}},
    "cookie": {"headers": {"Cookie": f"theme={plant('cookie')}; sessionid={plant('cookie')}"}},
    "referer": {"headers": {"Referer": f"http://here/?access_token={plant('referer')}"}},
    "query": {"query": f"?access_token={plant('query')}&page=2"},
    "sid": {"query": f"?sid={plant('sid')}"},
    "code": {"query": f"?code={plant('code')}&state={plant('state')}"},
    "nested query": {"query": f"?next=%2Fx%3Ftoken%3D{plant('nested query')}"},
    "json": {"json": {"user": {"password": plant("json"), "keys": [{"api_key": plant("json")}]}}},
    "form": {"fields": {"password": plant("form")}, "encode_multipart": False},
    "multipart": {"fields": {"password": plant("multipart"), "file": ("key.pem", plant("multipart"))}},
    "graphql": {"json": {"query": "mutation($password: String!) { x }", "variables": {"password": plant("graphql")}}},
}


@pytest.fixture(scope="module")
def leaking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    stack = LocalStack(
        Path(tmp_path_factory.mktemp("leaks")),
        Ports(free_port(), free_port()),
        {
            "ENGINEL_ENVIRONMENT": "test",
            "DJANGO_SETTINGS_MODULE": "tests.support.leaks_settings",
            "REDIS_URL": "",
            "DATABASE_URL": "",
            "SENTRY_DSN": NO_SENTRY,
        },
        celery_app="tests.support.secret_leaks",
    )
    try:
        stack.take_folder()
        stack.start_valkey()
        manage(stack, "migrate")
        token = manage(stack, "create_admin_token")
        stack.start_services()
        yield RunningStack(stack, token)
    finally:
        stack.stop()


def ask(running: RunningStack, address: str, **request: Any) -> int:
    url = f"{running.stack.url}{address}{request.pop('query', '')}"
    answer = running.http.request("POST", url, timeout=20, **request)
    assert not PLANT.search(answer.data.decode(errors="replace")), url
    return answer.status


def test_secrets_of_all_roads_are_nowhere(leaking: RunningStack) -> None:
    for road, request in REQUESTS.items():
        assert ask(leaking, f"/fail/{road}/", **request) == 500
        assert ask(leaking, f"/api/fail/{road}/", **request) in {415, 500}
    assert ask(leaking, "/api/auth/login/", json={"username": "bob", "password": plant("login")}) in {400, 401}
    for way in WAYS:
        ask(leaking, f"/leak/{way}/", json={"password": plant(f"view {way}")})
        leaking.tasks.send_task("leaks.leak", (way,), {"password": plant(f"task {way}")})
    commands = [run(leaking.stack, environment) for environment in ("development", "production")]
    # Whatever was queued before has ended, and the records of it can be read.
    last = leaking.send("leaks.leak", "unknown", password=plant("last"))
    wait_for(lambda: any(error["context"].get("task_id") == last for error in leaking.errors()))
    unanswered = [way for way in WAYS if plant(f"task {way}") in leaking.log_of("worker")]
    assert unanswered == []

    assert leaking.stack.valkey is not None
    with redis.Redis(unix_socket_path=str(leaking.stack.valkey.socket)) as client:
        wait_for(lambda: client.llen("celery") == client.hlen("unacked") == 0)
        content = everything_in(client)
    seen = {"redis": content, "errors": json.dumps(leaking.errors())}
    seen |= {f"command in {done.args[-1]}": done.stderr + done.stdout for done in commands}
    leaking.stack.stop()
    folder = leaking.stack.state_dir
    for file in folder.rglob("*"):
        if file.is_file():
            seen[str(file.relative_to(folder))] = file.read_bytes().decode("latin-1")

    # They have been there, and what was said about them is.
    assert "no login with password=[filtered]" in seen["redis"] + seen["logs/worker.log"]
    # One event for each request, as the client sent it but for its secrets.
    assert "/fail/graphql/" in seen["redis"]
    assert "X-Functions-Key" in seen["redis"]
    assert {name: sorted(set(PLANT.findall(text))) for name, text in seen.items() if PLANT.search(text)} == {}
    for name, said in SAID.items():
        assert [line for line in seen[name].splitlines() if line and not line.startswith("{")] == said, name


def run(stack: LocalStack, environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command that fails with a secret among its arguments and in its text."""
    secret = plant(f"command {environment}")
    env = {**stack.env, "ENGINEL_ENVIRONMENT": environment, "ENGINEL_SECRET_KEY": "s" * 40}
    command = [sys.executable, "manage.py", "probe", "leak", f"password={secret}", "--password", secret, "-k", secret]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    return done
