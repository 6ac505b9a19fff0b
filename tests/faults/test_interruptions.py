"""Signal handlers and finalizers run in the middle of whatever their thread is at, and may record and measure, too."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.outage import REFUSED_URL, own_valkey

pytestmark = pytest.mark.timeout(120)

SECONDS = "2"


# Python 3.13.0 itself crashes in one of twenty such runs, in the collector, when finalizers run on and on. A crash of
# any other version fails.
_RUNS_MAX = 3 if sys.version_info[:3] == (3, 13, 0) else 1


def interrupted(redis_url: str, *, hand_over_seconds: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.support.interrupted_process", SECONDS, hand_over_seconds]
    environ = {**os.environ, "REDIS_URL": redis_url}
    for _ in range(_RUNS_MAX):
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=100)
        if done.returncode != -signal.SIGSEGV:
            break
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert min(found["done"].values()) > 10
    assert found["swallowed"] == {}
    return found


@pytest.mark.slow
def test_nothing_hangs_and_everything_is_counted(tmp_path: Path) -> None:
    with own_valkey(tmp_path) as server:
        found = interrupted(server.url, hand_over_seconds="0.05")

    done = sum(found["done"].values())
    assert (found["recorded"], found["waiting"], found["counted"], found["tasks"]) == (done, 0, done, done)


@pytest.mark.slow
def test_without_redis_nothing_hangs_and_everything_waits() -> None:
    found = interrupted(REFUSED_URL, hand_over_seconds="0")

    assert found["waiting"] == sum(found["done"].values())


FORK = """
import os, threading, django
django.setup()
from designs.worker import error_signals
from designs.monitoring import guard
from designs.monitoring.fingerprint import override

locks = [(guard, "_lock"), (override, "_lock"), (error_signals, "_received_lock")]
held, enough = threading.Event(), threading.Event()

def hold():
    for module, name in locks:
        getattr(module, name).acquire()
    held.set()
    enough.wait(30)

threading.Thread(target=hold, daemon=True).start()
held.wait()
child = os.fork()
if not child:
    os._exit(sum(not getattr(module, name).acquire(timeout=2) for module, name in locks))
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
enough.set()
"""


def test_a_forked_child_has_no_lock_that_a_thread_of_its_parent_holds() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORK],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        capture_output=True, text=True, check=False, timeout=50,
    )  # fmt: skip

    assert (done.stdout, done.returncode) == ("0\n", 0), done.stderr
