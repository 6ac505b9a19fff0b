"""`python -m enginel`: the demo, and how a run starts, refuses to start and stops."""

from __future__ import annotations

import os
import pty
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from enginel.local.processes import stop
from enginel.local.stack import free_port
from tests.stack import wait_for

pytestmark = pytest.mark.timeout(180)

RUN = [sys.executable, "-m", "enginel", "run", "--no-sample"]


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("ENGINEL_", "DJANGO_"))}
    return {
        **inherited,
        "REDIS_URL": "",
        "DATABASE_URL": "",
        "ENGINEL_STATE_DIR": str(tmp_path / "state"),
        "ENGINEL_PORT": str(free_port()),
        "ENGINEL_VALKEY_PORT": str(free_port()),
    }


@pytest.fixture
def started(env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A run in its own terminal, once it says that it runs."""
    controller, terminal = pty.openpty()
    process = subprocess.Popen(RUN, env=env, stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True)
    os.close(terminal)
    output = b""
    while b"Ctrl-C stops" not in output:
        output += os.read(controller, 4096)
    process.controller = controller  # type: ignore[attr-defined]
    try:
        yield process
    finally:
        stop(process)


def run(env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*RUN, *arguments], env=env, capture_output=True, text=True, check=False, timeout=60)


def processes_of(state_dir: str) -> list[str]:
    """Return the command lines of all processes that have this state directory in their environment."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and state_dir.encode() in (folder / "environ").read_bytes():
                found.append((folder / "cmdline").read_text())
        except OSError:
            continue
    return [line for line in found if line]


def demo(env: dict[str, str], *before: str) -> subprocess.CompletedProcess[str]:
    command = [*before, sys.executable, "-m", "enginel", "demo"]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=170)


def test_the_demo_succeeds(env: dict[str, str]) -> None:
    del env["ENGINEL_STATE_DIR"]

    done = demo(env)

    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 deviations" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_demo_succeeds_again_in_the_same_folder(env: dict[str, str]) -> None:
    for _ in range(2):
        done = demo(env)

        assert done.returncode == 0, done.stdout + done.stderr
        assert " 68 recorded, 0 deviations" in done.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_everything(
    env: dict[str, str], started: subprocess.Popen[bytes], number: signal.Signals
) -> None:
    assert len(processes_of(env["ENGINEL_STATE_DIR"])) > 4

    started.send_signal(number)

    assert started.wait(30) == 130
    assert processes_of(env["ENGINEL_STATE_DIR"]) == []


def test_the_end_of_its_terminal_stops_everything(env: dict[str, str], started: subprocess.Popen[bytes]) -> None:
    os.close(started.controller)  # type: ignore[attr-defined]
    started.send_signal(signal.SIGHUP)

    started.wait(30)
    assert processes_of(env["ENGINEL_STATE_DIR"]) == []


def test_nothing_outlives_a_run_that_is_killed(env: dict[str, str], started: subprocess.Popen[bytes]) -> None:
    started.kill()
    started.wait(10)

    wait_for(lambda: processes_of(env["ENGINEL_STATE_DIR"]) == [])


@pytest.mark.parametrize("variable", ["ENGINEL_PORT", "ENGINEL_VALKEY_PORT"])
def test_a_taken_port_is_one_clear_line(env: dict[str, str], variable: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(env[variable])))
        taken.listen()
        done = run(env)

    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"enginel: Port {env[variable]} on 127.0.0.1 is taken. Choose another: {variable}=PORT."
    ]
    assert processes_of(env["ENGINEL_STATE_DIR"]) == []


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("DATABASE_URL", "mysql:/nonsense", "enginel.E001: DATABASE_URL"),
        ("REDIS_URL", "http://example.org", "enginel.E001: REDIS_URL"),
        ("ENGINEL_KERNEL_TIMEOUT_SECONDS", "soon", "enginel.E001: ENGINEL_KERNEL_TIMEOUT_SECONDS"),
        ("ENGINEL_PORT", "80000", "ENGINEL_PORT is no usable port"),
    ],
)
def test_a_wrong_setting_is_one_clear_line(env: dict[str, str], variable: str, value: str, says: str) -> None:
    done = run({**env, variable: value})

    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert says in line
    assert processes_of(env["ENGINEL_STATE_DIR"]) == []


def test_a_second_run_on_the_same_folder_is_refused(env: dict[str, str], started: subprocess.Popen[bytes]) -> None:
    other = {**env, "ENGINEL_PORT": str(free_port()), "ENGINEL_VALKEY_PORT": str(free_port())}

    done = run(other)

    assert done.returncode == 1
    assert "is running on" in done.stderr
