"""Health behind real servers, ASGI and WSGI with threads, while Redis answers and while it hangs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import urllib3

from designs.monitoring import HealthChecker
from enginel.local.processes import die_with_parent, stop
from enginel.local.stack import free_port
from tests.support.cad.processes import first_child
from tests.support.health_probes import DEADLINE_SECONDS, within
from tests.support.outage import FrozenValkey, own_valkey
from tests.support.stack import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]

ROOT = Path(__file__).resolve().parents[2]
ROOM_SECONDS = 0.3
RECOVERY_SECONDS = 3.0
STEADY_ROUNDS, MAX_ROUNDS = 4, 20
CACHE_SECONDS = 1.0
"""The default of `conf.health_cache_seconds`."""

COMMANDS = {
    "asgi": ["uvicorn", "enginel.asgi:application", "--host", "127.0.0.1", "--log-level", "critical", "--port"],
    "gthread": ["gunicorn", "enginel.wsgi", "--config", "python:enginel.gunicorn", "--workers", "1", "--bind"],
}
LIVENESS, DETAILED = "/api/health/", "/api/health/detailed/?format=json"


@dataclass(frozen=True)
class Held:
    """What a process holds."""

    threads: int
    files: int


class Server:
    """A running server, seen from outside."""

    def __init__(self, kind: str, pid: int, url: str, http: urllib3.PoolManager) -> None:
        self.kind, self.pid, self.url, self.http = kind, pid, url, http

    def get(self, path: str) -> tuple[int, dict[str, Any]]:
        answer = self.http.request("GET", self.url + path, headers={"Connection": "close"}, timeout=30)
        return answer.status, json.loads(answer.data)

    def get_at_once(self, path: str, count: int) -> list[tuple[int, dict[str, Any]]]:
        with ThreadPoolExecutor(count) as askers:
            return list(askers.map(self.get, [path] * count))

    def is_up(self) -> bool:
        try:
            return self.get(LIVENESS)[0] == 200
        except urllib3.exceptions.HTTPError:
            return False

    def held(self) -> Held:
        folder = Path(f"/proc/{self.pid if self.kind == 'asgi' else first_child(self.pid)}")
        return Held(len(os.listdir(folder / "task")), len(os.listdir(folder / "fd")))  # noqa: PTH208


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrozenValkey]:
    with own_valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture(scope="module", params=COMMANDS)
def running(
    request: pytest.FixtureRequest, valkey: FrozenValkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    port = free_port()
    bind = str(port) if request.param == "asgi" else f"127.0.0.1:{port}"
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ENGINEL_")},
        "DJANGO_SETTINGS_MODULE": "enginel.settings",
        "ENGINEL_ENVIRONMENT": "development",
        "ENGINEL_STATE_DIR": str(tmp_path_factory.mktemp("state")),
        # Neither worker nor beat is under test, and without them no answer would be 200.
        "ENGINEL_TASKS_EAGER": "1",
        "ENGINEL_LOG_LEVEL": "CRITICAL",
        "DATABASE_URL": "",
        "CELERY_BROKER_URL": "",
        "REDIS_URL": valkey.url,
        "SENTRY_DSN": "",
    }
    subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity", "0"], env=env, cwd=ROOT, check=True)
    process = subprocess.Popen(
        [sys.executable, "-m", *COMMANDS[request.param], bind],
        env=env, cwd=ROOT, start_new_session=True, preexec_fn=die_with_parent,
    )  # fmt: skip
    try:
        with urllib3.PoolManager(maxsize=50, retries=False) as http:
            server = Server(request.param, process.pid, f"http://127.0.0.1:{port}", http)
            wait_for(server.is_up, seconds=40)
            yield server
    finally:
        stop(process)


@pytest.fixture
def server(running: Server) -> Server:
    """Return it healthy, with no result left of the test before."""
    wait_for(lambda: redis_is("healthy", running.get(DETAILED)))
    cold_at = time.monotonic() + CACHE_SECONDS
    wait_for(lambda: time.monotonic() >= cold_at)
    return running


def redis_is(status: str, answer: tuple[int, dict[str, Any]]) -> bool:
    return bool(answer[1]["checks"]["redis"]["status"] == status)


def test_it_tells_that_it_serves(server: Server) -> None:
    assert server.get(LIVENESS) == (200, {"status": "ok", "service": "enginel"})


def test_it_tells_how_each_component_is(server: Server) -> None:
    status, found = server.get(DETAILED)

    assert status == 200
    assert tuple(found["checks"]) == HealthChecker.components()
    assert found["checks"]["database"] == {"status": "healthy", "message": "Database connection OK"}
    assert found["checks"]["redis"] == {"status": "healthy", "message": "Redis connection OK"}


def test_fifty_cold_probes_are_answered_in_time(server: Server) -> None:
    with within(DEADLINE_SECONDS + ROOM_SECONDS):
        answers = server.get_at_once(DETAILED, 50)

    assert [status for status, _ in answers] == [200] * 50


def test_twenty_probes_of_a_hung_redis_are_answered_in_time(server: Server, valkey: FrozenValkey) -> None:
    with valkey.frozen(), within(DEADLINE_SECONDS + ROOM_SECONDS):
        answers = server.get_at_once(DETAILED, 20)

    assert [status for status, _ in answers] == [503] * 20
    assert all(redis_is("unhealthy", answer) for answer in answers)


def test_that_it_serves_is_told_while_probes_wait_for_a_hung_redis(server: Server, valkey: FrozenValkey) -> None:
    # A server with threads has a few, and may have given all of them to the probes.
    in_time = ROOM_SECONDS if server.kind == "asgi" else DEADLINE_SECONDS + ROOM_SECONDS
    with valkey.frozen(), ThreadPoolExecutor(1) as aside:
        probes = aside.submit(server.get_at_once, DETAILED, 20)
        while not probes.done():
            with within(in_time):
                assert server.get(LIVENESS)[0] == 200


def test_a_redis_that_goes_on_is_seen_healthy_within_three_seconds(server: Server, valkey: FrozenValkey) -> None:
    with valkey.frozen():
        assert redis_is("unhealthy", server.get(DETAILED))

    with within(RECOVERY_SECONDS):
        wait_for(lambda: redis_is("healthy", server.get(DETAILED)))


def test_probes_leave_no_thread_and_no_file_behind(server: Server, valkey: FrozenValkey) -> None:
    """What a server holds stays the same over rounds of probes, once its pool has all of its threads.

    The pool starts a thread when a request finds none free: a fast machine takes some rounds until all are there. What
    each round left behind would never stay the same.
    """
    held = [server.held()]
    while not is_steady(held):
        assert len(held) < MAX_ROUNDS, held
        ask_in_good_and_bad_times(server, valkey)
        held.append(least_held(server))


def is_steady(held: Sequence[Held]) -> bool:
    last = held[-STEADY_ROUNDS:]
    return len(last) == STEADY_ROUNDS and not any(
        later.threads > earlier.threads or later.files > earlier.files for earlier, later in pairwise(last)
    )


def least_held(server: Server) -> Held:
    """Return what a server holds when the requests before have ended: the least that is seen within a second."""
    end = time.monotonic() + 1
    seen = [server.held()]
    wait_for(lambda: seen.append(server.held()) or time.monotonic() > end)
    return Held(min(one.threads for one in seen), min(one.files for one in seen))


def ask_in_good_and_bad_times(server: Server, valkey: FrozenValkey) -> None:
    server.get_at_once(DETAILED, 50)
    with valkey.frozen():
        server.get_at_once(DETAILED, 20)
    wait_for(lambda: redis_is("healthy", server.get(DETAILED)))
