"""Bugsink in the place of Sentry: the sample run's groups are its issues, and a run says where to look."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

from enginel.local.bugsink import Bugsink
from enginel.local.processes import stop
from enginel.local.stack import free_port
from tests.support.bugsink import bugsink

__all__ = ["bugsink"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture
def env(bugsink: Bugsink, tmp_path: Path) -> dict[str, str]:
    """The fixture sees to it that Bugsink can be installed here."""
    ours = ("ENGINEL_", "DJANGO_", "SENTRY_")
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(ours)},
        "REDIS_URL": "",
        "DATABASE_URL": "",
        "ENGINEL_STATE_DIR": str(tmp_path / "state"),
        "ENGINEL_PORT": str(free_port()),
        "ENGINEL_VALKEY_PORT": str(free_port()),
        "ENGINEL_BUGSINK_PORT": str(free_port()),
    }


@pytest.fixture
def started(env: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A run, and what it said until it ran."""
    command = [sys.executable, "-m", "enginel", "run", "--no-sample", "--sentry", "local"]
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert process.stdout is not None
        said = ""
        while "Ctrl-C stops" not in said:
            line = process.stdout.readline()
            assert line, said
            said += line
        yield process, said
    finally:
        stop(process)  # type: ignore[arg-type]
        assert process.stdout is not None
        process.stdout.close()


def test_the_issues_are_our_groups_and_hold_all_occurrences(env: dict[str, str]) -> None:
    command = [sys.executable, "-m", "enginel", "demo", "--sentry", "local"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=220)

    assert done.returncode == 0, done.stdout + done.stderr
    last = next(line for line in done.stdout.splitlines() if line.startswith("  Sentry:"))
    issues, groups, told, pending, occurrences, deviations = map(int, re.findall(r"\d+", last))
    assert (issues, told + pending, deviations) == (groups, occurrences, 0)
    # Damaged files are one group for each class and stage; refusals of requests make the others.
    assert 15 < groups < 30
    assert occurrences > 2 * groups


def test_a_run_prints_address_and_dsn_and_takes_bugsink_down_again(
    env: dict[str, str], started: tuple[subprocess.Popen[str], str]
) -> None:
    process, said = started
    url = re.search(r"Sentry +(http://127\.0\.0\.1:\d+)", said)
    assert url is not None
    dsn = re.search(r"DSN +(http://\S+)", said)
    assert dsn is not None
    beside = {"PATH": os.environ["PATH"], "ENGINEL_STATE_DIR": env["ENGINEL_STATE_DIR"]}
    shown = "from django.conf import settings as s; print(s.SENTRY_DSN, s.ENGINEL_SENTRY_ISSUE_URL)"
    command = [sys.executable, "manage.py", "shell", "--verbosity", "0", "--command", shown]
    done = subprocess.run(command, env=beside, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split()[0] == dsn[1]
    assert done.stdout.split()[1].startswith(f"{url[1]}/issues/")

    assert urllib3.request("GET", f"{url[1]}/health/ready", retries=False, timeout=10).status == 200
    process.send_signal(signal.SIGINT)
    process.wait(60)
    with pytest.raises(urllib3.exceptions.HTTPError):
        urllib3.request("GET", f"{url[1]}/health/ready", retries=False, timeout=10)
