"""Rarely used ways out of a controlled request, and what its objects say at their end in another: no content leaves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import redis
from django.conf import settings

from tests.support.kept_content import files_with, redis_with
from tests.support.rare_exits import MARKER, ORDINARY
from tests.support.sentry_sink import sentry_sink

ROOT = Path(__file__).resolve().parents[2]


def test_no_way_out_of_a_controlled_request_holds_content(tmp_path: Path) -> None:
    with sentry_sink() as sink:
        env = {
            **os.environ, "DJANGO_SETTINGS_MODULE": "enginel.settings", "REDIS_URL": settings.REDIS_URL,
            "ENGINEL_ENVIRONMENT": "test", "ENGINEL_STATE_DIR": str(tmp_path), "ENGINEL_TASKS_EAGER": "1",
            "DATABASE_URL": "", "SENTRY_DSN": sink.dsn, "ENGINEL_SENTRY_TRACES_SAMPLE_RATE": "1",
        }  # fmt: skip
        command = [sys.executable, "-m", "tests.support.rare_exits"]
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=90)

    assert done.returncode == 0, done.stderr[-2000:]
    kinds = {kind for kind, _ in sink.items()}
    assert kinds >= {"event", "transaction", "check_in", "session", "profile"}
    assert [raw for raw in sink.raw if MARKER.encode() in raw] == []
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line for line in lines if MARKER in json.dumps(line)] == []
    assert {f"ends.{way}" for way in ("__del__", "finalize", "generator")} <= {line["logger"] for line in lines}
    assert [line["message"] for line in lines if line["logger"] == "ends.ordinary"] == [f"about {ORDINARY}"]
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        assert redis_with(client, MARKER) == []
    assert files_with(tmp_path, MARKER) == []
