"""PostgreSQL and Redis from Debian's packages, as children of the tests, on loopback and in a temporary folder.

``python -m tests.support.services COMMAND...`` runs a command with DATABASE_URL and REDIS_URL naming them.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from enginel.local.processes import die_with_parent, stop
from enginel.local.stack import free_port

_READY_SECONDS = 30.0


def postgresql_bin() -> Path | None:
    """Return the folder of PostgreSQL's server programs, or None when they are not installed."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    return next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)


class PostgreSQL:
    """A PostgreSQL server that can be stopped, frozen and started again."""

    def __init__(self, folder: Path, *options: str) -> None:
        programs = postgresql_bin()
        assert programs is not None
        self.programs, self.folder, self.options = programs, folder, options
        self.port = free_port()
        self.url = f"postgresql://enginel@127.0.0.1:{self.port}/enginel"
        # PostgreSQL refuses to run as root.
        self.user = "postgres" if os.getuid() == 0 else None
        self.process: subprocess.Popen[bytes] | None = None

    def create(self) -> None:
        if self.user:
            shutil.chown(self.folder, self.user)
        command = [self._program("initdb"), "-D", f"{self.folder}/data", "-U", "enginel", "-A", "trust", "-E", "UTF8"]
        subprocess.run([*command, "--no-sync"], check=True, stdout=subprocess.DEVNULL, user=self.user, cwd="/")
        self.start()
        at = ["-h", "127.0.0.1", "-p", str(self.port)]
        subprocess.run([self._program("createdb"), *at, "-U", "enginel", "enginel"], check=True)

    def start(self) -> None:
        where = ["-D", f"{self.folder}/data", "-p", str(self.port), "-h", "127.0.0.1", "-k", str(self.folder), "-F"]
        self.process = subprocess.Popen(
            [self._program("postgres"), *where, *self.options],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, user=self.user, cwd="/", start_new_session=True,
            preexec_fn=die_with_parent,
        )  # fmt: skip
        _wait([self._program("pg_isready"), "-h", "127.0.0.1", "-p", str(self.port)])

    def stop(self) -> None:
        if self.process is not None:
            # SIGTERM would wait for its clients.
            self.process.send_signal(signal.SIGINT)
            stop(self.process)
            self.process = None

    def _program(self, name: str) -> str:
        return str(self.programs / name)


@contextmanager
def postgresql_server(*options: str) -> Iterator[PostgreSQL]:
    """Give a new PostgreSQL server."""
    with tempfile.TemporaryDirectory(prefix="enginel-pg-") as folder:
        server = PostgreSQL(Path(folder), *options)
        try:
            server.create()
            yield server
        finally:
            server.stop()


@contextmanager
def postgresql() -> Iterator[str]:
    """Give the URL of a new PostgreSQL server's database."""
    with postgresql_server() as server:
        yield server.url


@contextmanager
def redis_server() -> Iterator[str]:
    """Give the URL of a new Redis server."""
    program = shutil.which("redis-server")
    assert program is not None
    with tempfile.TemporaryDirectory(prefix="enginel-redis-") as folder:
        port = free_port()
        server = subprocess.Popen(
            [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--daemonize", "no"],
            stdout=subprocess.DEVNULL, start_new_session=True, preexec_fn=die_with_parent,
        )  # fmt: skip
        try:
            _wait(["redis-cli", "-p", str(port), "ping"])
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            stop(server)


def _wait(probe: list[str]) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while subprocess.run(probe, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
        if time.monotonic() > deadline:
            raise TimeoutError(" ".join(probe))
        time.sleep(0.05)


def main() -> int:
    with postgresql() as database_url, redis_server() as redis_url:
        env = {**os.environ, "DATABASE_URL": database_url, "REDIS_URL": redis_url}
        return subprocess.run(sys.argv[1:], env=env, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
