"""Work that a request or task of a controlled design starts elsewhere says no content; what comes after it does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings

from tests.support.controlled_work import MARKER, ORDINARY, WAYS
from tests.support.kept_content import files_with, redis_with

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Said:
    """What the program left behind."""

    lines: list[dict[str, Any]]
    keys: list[str]
    files: list[str]

    def by(self, way: str) -> list[str]:
        return [json.dumps(line) for line in self.lines if line["logger"] == f"work.{way}"]


def run(state: Path, *args: str) -> subprocess.CompletedProcess[str]:
    env = {
        **os.environ, "DJANGO_SETTINGS_MODULE": "enginel.settings", "REDIS_URL": settings.REDIS_URL,
        "ENGINEL_ENVIRONMENT": "test", "ENGINEL_STATE_DIR": str(state), "ENGINEL_TASKS_EAGER": "1",
        "DATABASE_URL": "", "SENTRY_DSN": "http://public@127.0.0.1:9/5",
    }  # fmt: skip
    command = [sys.executable, "-W", "error", *args]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=90)


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory, redis_is_ours: None) -> Said:
    state = tmp_path_factory.mktemp("carrying")
    done = run(state, "-m", "tests.support.controlled_work")
    assert done.returncode == 0, done.stderr[-2000:]
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        keys = redis_with(client, MARKER)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    return Said(lines, keys, files_with(state, MARKER))


@pytest.mark.parametrize("way", WAYS)
def test_work_of_a_controlled_request_or_task_says_no_content_wherever_it_fails(said: Said, way: str) -> None:
    assert len(said.by(way)) >= 3
    assert [line for line in said.by(way) if MARKER in line] == []


def test_nothing_of_it_is_in_logs_redis_or_files(said: Said) -> None:
    assert [line for line in said.lines if MARKER in json.dumps(line)] == []
    assert (said.keys, said.files) == ([], [])


def test_what_an_object_says_at_its_end_is_withheld_wherever_it_ends(said: Said) -> None:
    ends = [text for line in said.lines if "in __del__" in (text := line.get("exception", ""))]

    assert len(ends) == 2
    assert all("ValueError: [withheld" in text for text in ends)


# Threads that took work from a queue stay in doubt; so does what an event loop of Python 3.11 reports.
@pytest.mark.parametrize("way", ["thread", "nested", "timer", "pool", "processes", "loop"])
def test_ordinary_work_that_comes_afterwards_says_what_it_says(said: Said, way: str) -> None:
    assert [line for line in said.by(way) if ORDINARY in line]


COMMAND = """
import asyncio
from designs import context
async def main():
    context.set_controlled()
    raise ValueError("MARKER"[::-1])
asyncio.run(main())
""".replace("MARKER", MARKER[::-1])


def test_a_command_knows_what_its_event_loop_met(tmp_path: Path) -> None:
    done = run(tmp_path, "manage.py", "shell", "--no-imports", "-c", COMMAND)

    assert done.returncode == 1
    assert "ValueError: [withheld" in done.stderr
    assert MARKER not in done.stderr
    assert redis_with(redis.Redis.from_url(settings.REDIS_URL), MARKER) == []


SERVICE = """
import contextvars, weakref
import django
from designs.logs import standard_error
standard_error.serve()
django.setup()
from designs import context

class Kept:
    pass

def fail():
    raise ValueError("MARKER"[::-1])

kept = Kept()
weakref.finalize(kept, fail)
contextvars.copy_context().run(context.set_controlled)
""".replace("MARKER", MARKER[::-1])


def test_what_a_finalizer_raises_at_the_exit_of_a_service_is_withheld(tmp_path: Path) -> None:
    done = run(tmp_path, "-c", SERVICE)

    assert "ValueError: [withheld" in done.stderr
    assert MARKER not in done.stderr
    assert redis_with(redis.Redis.from_url(settings.REDIS_URL), MARKER) == []
    assert files_with(tmp_path, MARKER) == []
