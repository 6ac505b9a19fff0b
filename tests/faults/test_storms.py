"""Ten thousand errors from four processes of four threads, with Redis well, hung and killed in the middle: exact."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from designs.monitoring import ErrorTracker
from designs.monitoring.errors import recorder
from enginel.local.processes import die_with_parent
from tests.support.outage import FrozenValkey, own_valkey

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

PROCESSES, THREADS, ERRORS = 4, 4, 10_000
GROWTH_KIB = 5 * 1024


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[FrozenValkey]:
    with own_valkey(tmp_path) as server, override_settings(REDIS_URL=server.url):
        yield server


@contextmanager
def storm(valkey: FrozenValkey) -> Iterator[list[subprocess.Popen[str]]]:
    """Start the processes together; whatever happens, none is left."""
    command = [sys.executable, "-m", "tests.support.storm", str(THREADS), str(ERRORS // PROCESSES)]
    environment = {**os.environ, "REDIS_URL": valkey.url}
    started = [
        subprocess.Popen(
            command, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, preexec_fn=die_with_parent,
        )
        for _ in range(PROCESSES)
    ]  # fmt: skip
    try:
        for process in started:
            assert process.stdout is not None
            assert process.stdin is not None
            assert process.stdout.readline() == "ready\n"
        for process in started:
            assert process.stdin is not None
            process.stdin.close()
            process.stdin = None
        yield started
    finally:
        for process in started:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


def results(started: list[subprocess.Popen[str]]) -> list[dict[str, Any]]:
    found = [json.loads(process.communicate(timeout=45)[0]) for process in started]
    for result in found:
        print({name: value for name, value in result.items() if name != "acknowledged"})
    return found


def total() -> int:
    return recorder.error_store.totals().get("occurrences", 0)


def wait_for(condition: Callable[[], Any], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def let_pass(seconds: float) -> None:
    end = time.monotonic() + seconds
    wait_for(lambda: time.monotonic() >= end)


def assert_nothing_was_lost(found: list[dict[str, Any]]) -> None:
    assert [result["waiting"] for result in found] == [0] * PROCESSES
    assert [result["dropped"] for result in found] == [{}] * PROCESSES
    assert [result["swallowed"] for result in found] == [{}] * PROCESSES
    assert max(result["grown_kib"] for result in found) <= GROWTH_KIB


def test_a_storm(valkey: FrozenValkey) -> None:
    ErrorTracker.log_error(KeyError("rare"))
    with storm(valkey) as started:
        found = results(started)

    assert_nothing_was_lost(found)
    assert total() == ERRORS + 1
    (group,) = (group for group in ErrorTracker.get_groups() if group["type"] == "ValueError")
    assert group["total"] == str(ERRORS)
    # The 1st, 10th, 100th, 1,000th and 10,000th, together standing for all.
    forwarded = [represents for result in found for represents in result["forwarded"]]
    assert sorted(forwarded) == [1, 9, 90, 900, 9000]
    assert [record["error_type"] for record in ErrorTracker.get_recent_errors(100)].count("KeyError") == 1
    assert sum(count for _, count in (ErrorTracker.get_group(group["fingerprint"]) or {})["minutes"]) == ERRORS


def test_a_storm_while_redis_hangs(valkey: FrozenValkey) -> None:
    ErrorTracker.log_error(KeyError("rare"))
    with storm(valkey) as started:
        wait_for(lambda: total() > ERRORS // 10)
        with valkey.frozen():
            let_pass(1.0)
        found = results(started)

    assert_nothing_was_lost(found)
    assert total() == ERRORS + 1
    assert [record["error_type"] for record in ErrorTracker.get_recent_errors(100)].count("KeyError") == 1
    # What was forwarded, by Redis' gate or by a process alone, and what is pending, is all there is.
    (group,) = (group for group in ErrorTracker.get_groups() if group["type"] == "ValueError")
    forwarded = [represents for result in found for represents in result["forwarded"]]
    # Who was left alone counted on from where all of them had been.
    assert len(forwarded) <= 6
    told = sum(forwarded)
    assert (told, ERRORS - told) == (group["forwarded"], group["pending"])


def test_a_storm_while_redis_is_killed_and_comes_back_empty(valkey: FrozenValkey) -> None:
    with storm(valkey) as started:
        wait_for(lambda: total() > ERRORS // 10)
        assert valkey.server.pid is not None
        os.kill(valkey.server.pid, signal.SIGKILL)
        # Answers that were on their way have arrived by then.
        let_pass(0.5)
        valkey.server.stop()
        restarted = time.monotonic()
        valkey.server.start()
        found = results(started)
    valkey.gateway.close_breaker()

    assert_nothing_was_lost(found)
    lost = sum(int(n) for result in found for at, n in result["acknowledged"] if at < restarted)
    print(f"acknowledged by the server that was killed, and lost with its memory: {lost}")
    assert total() == ERRORS - lost
