"""`python -m enginel`: the demo, and how a run starts, refuses to start and stops."""

from __future__ import annotations

import os
import pty
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

from enginel.local.processes import stop
from enginel.local.stack import free_port
from tests.support.stack import wait_for

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
    process.output = output.decode().replace("\r\n", "\n")  # type: ignore[attr-defined]
    try:
        yield process
    finally:
        stop(process)


def run(env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*RUN, *arguments], env=env, capture_output=True, text=True, check=False, timeout=60)


def pids_of(state_dir: str, word: str) -> list[int]:
    """Return the processes with this state directory in their environment and the word in their command line."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and state_dir.encode() in (folder / "environ").read_bytes():
                found += [int(folder.name)] if word in (folder / "cmdline").read_text().split("\0") else []
        except OSError:
            continue
    return found


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
        assert " 65 recorded, 0 deviations" in done.stdout


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGINT,
        pytest.param(signal.SIGTERM, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, marks=pytest.mark.slow),
    ],
)
def test_a_signal_stops_everything(
    env: dict[str, str], started: subprocess.Popen[bytes], number: signal.Signals
) -> None:
    assert len(processes_of(env["ENGINEL_STATE_DIR"])) > 4

    started.send_signal(number)

    assert started.wait(30) == 130
    assert b"Stopping web, worker, beat, Valkey." in os.read(started.controller, 4096)  # type: ignore[attr-defined]
    assert processes_of(env["ENGINEL_STATE_DIR"]) == []


@pytest.mark.slow
def test_a_second_ctrl_c_ends_what_does_not_end(env: dict[str, str], started: subprocess.Popen[bytes]) -> None:
    frozen = pids_of(env["ENGINEL_STATE_DIR"], "worker")
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    started.send_signal(signal.SIGINT)
    said = b""
    while b"Stopping" not in said:
        said += os.read(started.controller, 4096)  # type: ignore[attr-defined]
    began = time.monotonic()

    started.send_signal(signal.SIGINT)

    assert started.wait(9) == 130
    assert time.monotonic() - began < 5
    wait_for(lambda: processes_of(env["ENGINEL_STATE_DIR"]) == [])


@pytest.mark.slow
def test_the_closing_block_fits_a_terminal_and_its_login_and_token_work(
    env: dict[str, str], started: subprocess.Popen[bytes]
) -> None:
    output = started.output  # type: ignore[attr-defined]
    block = output[output.index("  Start ") :].splitlines()
    user, password = re.search(r"Login +(\S+) / (\S+)", output).groups()  # type: ignore[union-attr]
    token = re.search(r"TOKEN=(\S+)", output)[1]  # type: ignore[index]
    address = f"http://127.0.0.1:{env['ENGINEL_PORT']}"

    login = urllib3.request("POST", f"{address}/api/auth/login/", json={"username": user, "password": password})
    answer = urllib3.request("GET", f"{address}/api/monitoring/errors/", headers={"Authorization": f"Bearer {token}"})

    assert (login.status, answer.status) == (200, 200)
    assert len(block) < 24
    assert max(len(line) for line in block if env["ENGINEL_STATE_DIR"] not in line) <= 80
    assert (Path(env["ENGINEL_STATE_DIR"]) / "admin_password").stat().st_mode & 0o777 == 0o600


@pytest.mark.slow
def test_without_the_sample_run_nothing_shortens_the_deadline(
    env: dict[str, str], started: subprocess.Popen[bytes]
) -> None:
    [*workers] = pids_of(env["ENGINEL_STATE_DIR"], "worker")

    assert workers
    for pid in workers:
        environ = Path(f"/proc/{pid}/environ").read_bytes()
        assert b"ENGINEL_KERNEL_TIMEOUT_SECONDS" not in environ
        assert b"ENGINEL_MAX_UPLOAD_BYTES" not in environ


@pytest.mark.slow
def test_commands_and_health_check_beside_a_run_find_it_by_its_folder(
    env: dict[str, str], started: subprocess.Popen[bytes]
) -> None:
    beside = {"PATH": os.environ["PATH"], "ENGINEL_STATE_DIR": env["ENGINEL_STATE_DIR"]}
    command = [sys.executable, "manage.py", "health_check", "health"]

    done = subprocess.run(command, env=beside, capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 0, done.stdout + done.stderr
    note = Path(env["ENGINEL_STATE_DIR"]) / "run.json"
    assert note.stat().st_mode & 0o777 == 0o600
    started.send_signal(signal.SIGINT)
    started.wait(30)
    assert not note.exists()


@pytest.mark.slow
def test_the_end_of_its_terminal_stops_everything(env: dict[str, str], started: subprocess.Popen[bytes]) -> None:
    os.close(started.controller)  # type: ignore[attr-defined]
    started.send_signal(signal.SIGHUP)

    started.wait(30)
    assert processes_of(env["ENGINEL_STATE_DIR"]) == []


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_second_run_on_the_same_folder_is_refused(env: dict[str, str], started: subprocess.Popen[bytes]) -> None:
    other = {**env, "ENGINEL_PORT": str(free_port()), "ENGINEL_VALKEY_PORT": str(free_port())}

    done = run(other)

    assert done.returncode == 1
    assert "is running on" in done.stderr


@pytest.mark.parametrize("command", [RUN, [sys.executable, "manage.py", "check"]])
def test_a_state_folder_that_cannot_be_used_is_one_clear_line(
    env: dict[str, str], tmp_path: Path, command: list[str]
) -> None:
    (tmp_path / "file").touch()
    env = {**env, "ENGINEL_STATE_DIR": str(tmp_path / "file" / "state")}

    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert "cannot be used: Not a directory. Name another" in line


def test_migrate_in_production_with_nothing_set_is_one_clear_line(tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"], "ENGINEL_ENVIRONMENT": "production", "ENGINEL_STATE_DIR": str(tmp_path)}
    command = [sys.executable, "manage.py", "migrate"]

    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)

    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert "DATABASE_URL, ENGINEL_ALLOWED_HOSTS, ENGINEL_SECRET_KEY, REDIS_URL. `manage.py check` says" in line


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["PYTHON=python3.99"], "There is no python3.99. Enginel needs Python 3.11 to 3.13; choose one: make PYTHON="),
        pytest.param([f"PYTHON={sys.executable}"], "Packages could not be installed; ", marks=pytest.mark.slow),
    ],
)
def test_an_installation_that_cannot_be_is_one_clear_line(tmp_path: Path, arguments: list[str], says: str) -> None:
    # In the place of a machine without a network: an index that refuses.
    env = {"PATH": os.environ["PATH"], "PIP_INDEX_URL": "http://127.0.0.1:9/", "HOME": str(tmp_path)}
    command = ["make", "install", f"VENV={tmp_path / 'venv'}", *arguments]

    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=120)

    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert len(lines) == 1
    assert lines[0].startswith(says)
