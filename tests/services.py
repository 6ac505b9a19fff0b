"""PostgreSQL and Redis from Debian's packages, as children of the tests, on loopback and in a temporary folder.

``python -m tests.services COMMAND...`` runs a command with DATABASE_URL and REDIS_URL naming them.
"""

from __future__ import annotations

import os
import shutil
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


@contextmanager
def postgresql() -> Iterator[str]:
    """Give the URL of a new PostgreSQL server's database."""
    programs = postgresql_bin()
    assert programs is not None
    with tempfile.TemporaryDirectory(prefix="enginel-pg-") as folder:
        data, port = Path(folder) / "data", free_port()
        # PostgreSQL refuses to run as root.
        user = "postgres" if os.getuid() == 0 else None
        if user:
            shutil.chown(folder, user)
        initdb = [
            str(programs / "initdb"),
            "-D",
            str(data),
            "-U",
            "enginel",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-sync",
        ]
        subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, user=user, cwd="/")
        server = subprocess.Popen(
            [str(programs / "postgres"), "-D", str(data), "-p", str(port), "-h", "127.0.0.1", "-k", folder, "-F"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, user=user, cwd="/", start_new_session=True,
            preexec_fn=die_with_parent,
        )  # fmt: skip
        try:
            _wait([str(programs / "pg_isready"), "-h", "127.0.0.1", "-p", str(port)])
            create = [
                str(programs / "createdb"),
                "-h",
                "127.0.0.1",
                "-p",
                str(port),
                "-U",
                "enginel",
                "enginel",
            ]
            subprocess.run(create, check=True)
            yield f"postgresql://enginel@127.0.0.1:{port}/enginel"
        finally:
            stop(server)


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
