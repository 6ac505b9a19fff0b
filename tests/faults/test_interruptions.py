"""Signal handlers and finalizers run in the middle of whatever their thread is at, and may record and measure, too."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.outage import REFUSED_URL, own_valkey

pytestmark = pytest.mark.timeout(60)

SECONDS = "2"


def interrupted(redis_url: str, *, hand_over_seconds: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.faults.interrupting", SECONDS, hand_over_seconds]
    done = subprocess.run(
        command, env={**os.environ, "REDIS_URL": redis_url}, capture_output=True, text=True, check=False, timeout=50
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert min(found["done"].values()) > 10
    assert found["swallowed"] == {}
    return found


def test_nothing_hangs_and_everything_is_counted(tmp_path: Path) -> None:
    with own_valkey(tmp_path) as server:
        found = interrupted(server.url, hand_over_seconds="0.05")

    done = sum(found["done"].values())
    assert (found["recorded"], found["waiting"], found["counted"], found["tasks"]) == (done, 0, done, done)


def test_without_redis_nothing_hangs_and_everything_waits() -> None:
    found = interrupted(REFUSED_URL, hand_over_seconds="0")

    assert found["waiting"] == sum(found["done"].values())
