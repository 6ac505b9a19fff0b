"""What real processes counted is what they did, however they end and whatever Redis does meanwhile."""

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
import urllib3
from celery import Celery

from designs.monitoring.metrics import read_families
from enginel.local.processes import die_with_parent, stop
from enginel.local.stack import free_port
from tests.support.outage import FrozenValkey, own_valkey
from tests.support.stack import wait_for

pytestmark = pytest.mark.slow

REQUESTS = 300
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[FrozenValkey]:
    with own_valkey(tmp_path / "valkey") as server:
        yield server


@contextmanager
def running(valkey: FrozenValkey, *command: str, **popen: Any) -> Iterator[subprocess.Popen[Any]]:
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ENGINEL_")},
        "DJANGO_SETTINGS_MODULE": "enginel.settings",
        "ENGINEL_ENVIRONMENT": "development",
        "ENGINEL_STATE_DIR": str(valkey.server.socket.parent),
        "ENGINEL_LOG_LEVEL": "CRITICAL",
        "REDIS_URL": valkey.url,
        "SENTRY_DSN": "",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", *command], env=env, cwd=ROOT, start_new_session=True, preexec_fn=die_with_parent, **popen
    )
    try:
        yield process
    finally:
        stop(process)
        if process.stdout is not None:
            process.stdout.close()


def counted(valkey: FrozenValkey, name: str = "done") -> int:
    valkey.gateway.close_breaker()
    return int(read_families(valkey.gateway).counters.get("flat", {}).get((name,), 0))


class TestGunicorn:
    @contextmanager
    def serving(self, valkey: FrozenValkey, *options: str) -> Iterator[tuple[subprocess.Popen[Any], Any]]:
        bind = f"127.0.0.1:{free_port()}"
        command = ["gunicorn", "tests.support.metrics_app", "--workers", "2", "--threads", "2", "--bind", bind]
        with (
            running(valkey, *command, "--no-control-socket", "--log-level", "critical", *options) as process,
            urllib3.PoolManager(retries=urllib3.Retry(5, backoff_factor=0.1)) as http,
        ):

            def get(path: str = "/") -> bool:
                answer = http.request("GET", f"http://{bind}{path}", timeout=30, headers={"Connection": "close"})
                return bool(answer.data)

            wait_for(lambda: self.answers(get), seconds=60)
            yield process, get

    @staticmethod
    def answers(get: Any) -> bool:
        try:
            return bool(get("/warm"))
        except urllib3.exceptions.HTTPError:
            return False

    @pytest.mark.parametrize("preload", [True, False])
    @pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGQUIT])
    def test_it_ends(self, valkey: FrozenValkey, preload: bool, ending: signal.Signals) -> None:
        with self.serving(valkey, *["--preload"] * preload) as (process, get):
            for _ in range(REQUESTS):
                get()
            process.send_signal(ending)
            process.wait(40)

        assert counted(valkey) == REQUESTS
        if preload:
            assert counted(valkey, "boot") == 1

    def test_it_recycles_its_workers(self, valkey: FrozenValkey) -> None:
        with self.serving(valkey, "--max-requests", "60") as (process, get):
            for _ in range(REQUESTS):
                get()
            process.send_signal(signal.SIGTERM)
            process.wait(40)

        assert counted(valkey) == REQUESTS

    def test_it_reloads(self, valkey: FrozenValkey) -> None:
        with self.serving(valkey) as (process, get):
            for number in range(REQUESTS):
                if number == REQUESTS // 2:
                    process.send_signal(signal.SIGHUP)
                    wait_for(lambda: counted(valkey, "boot") >= 4, seconds=60)
                get()
            process.send_signal(signal.SIGTERM)
            process.wait(40)

        assert counted(valkey) == REQUESTS


@pytest.mark.parametrize("options", [[], ["--max-tasks-per-child", "20"]], ids=["TERM", "recycled children"])
def test_celery_prefork(valkey: FrozenValkey, options: list[str]) -> None:
    url = f"redis+socket://{valkey.server.socket}"
    command = [
        "celery",
        "-q",
        "-A",
        "tests.support.metrics_app",
        "worker",
        "--concurrency",
        "2",
        "--loglevel",
        "CRITICAL",
    ]
    with (
        running(valkey, *command, "--without-mingle", "--without-gossip", *options) as process,
        Celery("metrics", broker=url, backend=url, set_as_current=False) as client,
    ):
        sent = [client.send_task("metrics.work", ignore_result=False) for _ in range(100)]
        for result in sent:
            result.get(timeout=60)
        process.send_signal(signal.SIGTERM)
        process.wait(30)

    assert counted(valkey) == 100
    assert counted(valkey, "celery_task_SUCCESS") == counted(valkey, "celery_task_total") == 100


def storm(valkey: FrozenValkey, count: int) -> Any:
    return running(valkey, "tests.support.metrics_app", "4", str(count), stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("seconds", [1.0, 2.0])
def test_four_processes_of_four_threads_while_redis_hangs(valkey: FrozenValkey, seconds: float) -> None:
    with ExitStack() as stack:
        processes = [stack.enter_context(storm(valkey, 10_000)) for _ in range(4)]
        wait_for(lambda: counted(valkey) > 100)
        with valkey.frozen():
            until = time.monotonic() + seconds
            wait_for(lambda: time.monotonic() > until)
        for process in processes:
            process.communicate(timeout=60)

    assert counted(valkey) == 4 * 4 * 10_000
    (series,) = read_families(valkey.gateway).histograms["requests"].values()
    assert series.count == sum(series.buckets) == 4 * 4 * 10_000


def test_a_sigkill_costs_no_more_than_what_was_not_handed_over(valkey: FrozenValkey) -> None:
    with storm(valkey, 1_000_000) as process:
        assert process.stdout is not None
        told: list[tuple[float, int]] = []
        while not told or told[-1][0] - told[0][0] < 4:
            told.append((time.monotonic(), int(process.stdout.readline())))
        process.kill()
        process.wait()
        killed_at = time.monotonic()

    # One thread's word is what each of the four has done at least; two seconds: the interval, and a loaded machine.
    done = max(number for at, number in told if at < killed_at - 2)
    assert counted(valkey) >= done
