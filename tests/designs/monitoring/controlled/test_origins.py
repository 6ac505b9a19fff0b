"""An exception that work for a controlled design has left behind is withheld wherever it is reported later."""

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

from tests.support.kept_content import files_with, redis_with
from tests.support.kept_exceptions import MARKER, ORDINARY

ROOT = Path(__file__).resolve().parents[4]


@dataclass
class Left:
    lines: list[dict[str, Any]]
    answers: list[list[Any]]
    state: Path
    keys: list[str]
    keys_of_others: list[str]


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory, redis_is_ours: None) -> Left:
    state = tmp_path_factory.mktemp("kept")
    env = {
        **os.environ, "DJANGO_SETTINGS_MODULE": "enginel.settings", "REDIS_URL": settings.REDIS_URL,
        "ENGINEL_ENVIRONMENT": "test", "ENGINEL_STATE_DIR": str(state), "ENGINEL_TASKS_EAGER": "1",
        "DATABASE_URL": "", "SENTRY_DSN": "http://public@127.0.0.1:9/5", "ENGINEL_SENTRY_TRACES_SAMPLE_RATE": "1",
    }  # fmt: skip
    command = [sys.executable, "-W", "error", "-m", "tests.support.kept_exceptions"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        keys, others = redis_with(client, MARKER), redis_with(client, ORDINARY)
        client.flushdb()
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    return Left(lines, json.loads(done.stdout), state, keys, others)


def test_no_line_no_key_and_no_file_says_what_was_kept(left: Left) -> None:
    assert [line for line in left.lines if MARKER in json.dumps(line)] == []
    assert (left.keys, files_with(left.state, MARKER)) == ([], [])


def test_no_other_client_is_answered_with_it(left: Left) -> None:
    assert [answer for answer in left.answers if MARKER in json.dumps(answer)] == []
    assert "This file is damaged." in next(body for name, _, body in left.answers if name == "own")


def test_what_ordinary_work_has_kept_is_said(left: Left) -> None:
    said = [json.dumps(line) for line in left.lines if ORDINARY in json.dumps(line)]

    assert len(said) > 40
    assert left.keys_of_others
    assert any("ValueError" in line and ORDINARY in line for line in said[-1:])
