"""Health with no, one and two workers, one killed, one frozen, a dead pool, nobody at a queue, and the broker away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from celery import Celery, signals
from django.test import override_settings

from designs.monitoring.health import checker
from enginel.local.processes import die_with_parent
from enginel.local.valkey import EmbeddedValkey
from integrations.celery.heartbeats import BEAT_SECONDS, LIVE_SECONDS, QUEUED_AT_HEADER, WORKERS_KEY, read_beats
from integrations.health import Beat, CeleryWorkers
from integrations.redis import FailFastRedis
from tests.support.health_probes import Probes, Usage, answered_in_time, endure, within
from tests.support.outage import own_valkey
from tests.support.stack import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

START_SECONDS = 40
# The last beat may be as old as a beat when a worker is lost, and a result is kept for a second.
MISSED_SECONDS = LIVE_SECONDS + BEAT_SECONDS
RECOVERY_SECONDS = 3.0


class Fleet:
    """Workers and beat of a test alone, on a server of its own."""

    def __init__(self, server: EmbeddedValkey, folder: Path, processes: ExitStack) -> None:
        self.server, self.folder, self.processes = server, folder, processes
        self.app = Celery("probe", broker=f"redis+socket://{server.socket}", set_as_current=False)
        self.app.conf.task_always_eager = False
        self.gateway = FailFastRedis(server.url, timeout_seconds=0.5, breaker_seconds=0)

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        env = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "enginel.settings",
            "ENGINEL_STATE_DIR": str(self.folder),
            "REDIS_URL": self.server.url,
            "CELERY_BROKER_URL": "",
        }
        with (self.folder / "processes.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "celery", "-q", "-A", "tests.support.probe_tasks", *command],
                env=env, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=die_with_parent,
            )  # fmt: skip
        self.processes.callback(kill, process)
        return process

    def log(self) -> str:
        return (self.folder / "processes.log").read_text(errors="replace")

    def worker(self, name: str, *options: str) -> subprocess.Popen[bytes]:
        quiet = ("--without-mingle", "--without-gossip", "--loglevel", "INFO", "-c", "1")
        return self.start("worker", "-n", f"{name}@host", *quiet, *options)


def kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    with own_valkey(tmp_path) as valkey, override_settings(REDIS_URL=valkey.url), ExitStack() as processes:
        fleet = Fleet(valkey.server, tmp_path, processes)
        gateway = fleet.gateway
        monkeypatch.setitem(checker._plugins, "celery", lambda: CeleryWorkers(fleet.app, gateway, gateway))
        monkeypatch.setitem(checker._plugins, "beat", lambda: Beat(fleet.app, gateway))
        yield fleet
        checker.runner.wait(30)


def becomes(probes: Probes, message: str, seconds: float = START_SECONDS) -> tuple[int, str, str]:
    """Wait for a message and return the answer that has it."""
    return wait_for(lambda: (answer := probes.ask())[2] == message and answer, seconds)


def test_workers_come_and_go_and_are_missed(fleet: Fleet) -> None:
    probes = Probes("celery")
    assert answered_in_time(probes) == (503, "unhealthy", "no worker is alive")
    endure(probes)
    before = Usage.now()

    other = fleet.worker("other", "-Q", "other")
    assert becomes(probes, "nobody takes from 1 of 1 queues")[:2] == (503, "unhealthy")
    first = fleet.worker("first")
    assert becomes(probes, "2 worker(s) active")[:2] == (200, "healthy")

    kill(other)
    with within(MISSED_SECONDS):
        assert becomes(probes, "1 of 2 workers are lost")[:2] == (200, "degraded")

    os.kill(first.pid, signal.SIGSTOP)
    with within(MISSED_SECONDS):
        assert becomes(probes, "no worker is alive")[:2] == (503, "unhealthy")
    endure(probes)

    os.kill(first.pid, signal.SIGCONT)
    with within(RECOVERY_SECONDS):
        becomes(probes, "1 of 2 workers are lost")

    # One that is told to end is not missed.
    first.terminate()
    first.wait(20)
    assert [beat.name for beat in read_beats(fleet.gateway)] == ["other@host"]
    assert before.covers(Usage.now())


def test_a_pool_that_takes_no_work_and_a_task_that_is_old_are_seen(fleet: Fleet) -> None:
    probes = Probes("celery")
    worker = fleet.worker("a")
    becomes(probes, "1 worker(s) active")
    [child] = children(worker.pid)
    os.kill(child, signal.SIGSTOP)
    try:
        for _ in range(3):
            fleet.app.send_task("probe.succeed")
        assert becomes(probes, "no worker starts what it took")[:2] == (503, "unhealthy")
    finally:
        os.kill(child, signal.SIGCONT)
    becomes(probes, "1 worker(s) active")

    with queued(1_000):
        fleet.app.send_task("probe.wait")
    answer = wait_for(lambda: (found := probes.ask())[1] == "degraded" and found, 20)
    assert answer[2].startswith("the oldest task has been unfinished for 100")


def test_a_task_that_waits_for_its_time_is_not_old_at_a_live_worker_nor_at_a_dead_one(fleet: Fleet) -> None:
    probes = Probes("celery")
    worker = fleet.worker("a")
    becomes(probes, "1 worker(s) active")
    with queued(1_000):
        fleet.app.send_task("probe.succeed", countdown=3_600)
    wait_for(lambda: any(beat.facts["scheduled"] for beat in read_beats(fleet.gateway)), 20)
    assert probes.ask() == (200, "healthy", "1 worker(s) active")

    kill(worker)
    fleet.gateway.run(lambda client: client.zadd("unacked_index", {client.hkeys("unacked")[0]: time.time() - 1_000}))
    fleet.gateway.run(lambda client: client.delete(WORKERS_KEY))
    fleet.worker("b")
    assert becomes(probes, "1 worker(s) active")[:2] == (200, "healthy")


@contextmanager
def queued(seconds_ago: float) -> Iterator[None]:
    """Let messages say that they were queued so long ago."""

    def say(headers: dict[str, Any], **kwargs: object) -> None:
        headers[QUEUED_AT_HEADER] = time.time() - seconds_ago

    # After ours: receivers are called in the order in which they were connected.
    signals.before_task_publish.connect(say, weak=False)
    try:
        yield
    finally:
        signals.before_task_publish.disconnect(say)


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_broker_that_goes_away_and_comes_back(fleet: Fleet) -> None:
    probes = Probes("celery")
    worker = fleet.worker("a")
    becomes(probes, "1 worker(s) active")
    fleet.server.stop()

    assert answered_in_time(probes)[:2] == (503, "unhealthy")
    endure(probes)
    # Long enough for the worker to be between two of its tries.
    wait_for(lambda: fleet.log().count("Trying again") >= 2, 20)

    fleet.server.start()
    with within(RECOVERY_SECONDS):
        becomes(probes, "1 worker(s) active")
    assert worker.poll() is None


def test_beat_is_missed_and_seen_again(fleet: Fleet) -> None:
    probes = Probes("beat")
    assert answered_in_time(probes) == (200, "degraded", "is not running")
    command = ("beat", "--schedule", str(fleet.folder / "schedule"), "--pidfile", "", "--loglevel", "INFO")
    beat = fleet.start(*command)
    assert becomes(probes, "runs")[:2] == (200, "healthy")

    os.kill(beat.pid, signal.SIGSTOP)
    with within(MISSED_SECONDS):
        assert becomes(probes, "is not running")[:2] == (200, "degraded")
    os.kill(beat.pid, signal.SIGCONT)
    with within(RECOVERY_SECONDS + BEAT_SECONDS):
        becomes(probes, "runs")

    beat.terminate()
    beat.wait(20)
    assert becomes(probes, "is not running", 5)
