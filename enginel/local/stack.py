"""Enginel's processes on one machine: Valkey, web, worker and beat, each with its log; all end with this process."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from enginel.local import logs
from enginel.local.bugsink import Bugsink
from enginel.local.private import PRIVATE_UMASK, make_private
from enginel.local.processes import LocalError, die_with_parent, kill, stop
from enginel.local.running import Note
from enginel.local.valkey import EmbeddedValkey

__all__ = ["BASE_DIR", "LocalStack", "Ports", "free_port"]

BASE_DIR = Path(__file__).resolve().parent.parent.parent
_READY_SECONDS = 40.0
_POLL_SECONDS = 0.05
_LOG_TAIL_LINES = 12


@dataclass(frozen=True)
class Ports:
    """Loopback ports of a local run."""

    web: int = 8000
    valkey: int = 6390
    bugsink: int = 8010


@dataclass
class LocalStack:
    """Starts and stops the processes of a local run.

    Args:
        state_dir: Database, storage, logs and Valkey's data.
        ports: Ports of web and Valkey on 127.0.0.1.
        extra_env: Settings of this run.
        workers: Number of Celery worker processes.
        celery_app: Module of the Celery application, in the syntax of ``celery -A``.
        with_sentry: Whether this run starts a Bugsink in place of Sentry.
    """

    state_dir: Path
    ports: Ports
    extra_env: Mapping[str, str] = field(default_factory=dict)
    workers: int = 2
    celery_app: str = "enginel"
    with_sentry: bool = False

    def __post_init__(self) -> None:
        self.valkey: EmbeddedValkey | None = None
        self.sentry: Bugsink | None = None
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.logs_dir = self.state_dir / "logs"
        self._note = Note(self.state_dir)
        self.env = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "enginel.settings",
            "ENGINEL_ENVIRONMENT": os.environ.get("ENGINEL_ENVIRONMENT") or "development",
            "ENGINEL_STATE_DIR": str(self.state_dir),
            "PYTHONUNBUFFERED": "1",
            **self.extra_env,
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports.web}"

    def take_folder(self) -> None:
        """Lock the state folder for this run.

        Raises:
            LocalError: Another run holds it, or it cannot be written to.
        """
        other = self._note.take_folder()
        if other is not None:
            who = f" (process {other})" if other else ""
            raise LocalError(
                f"An Enginel is running on {self.state_dir} already{who}. Stop it first, or set ENGINEL_STATE_DIR."
            )
        make_private(self.state_dir)

    def refuse_taken_ports(self) -> None:
        """Raise `LocalError` when a port of this run is in use."""
        wanted = {"ENGINEL_PORT": self.ports.web}
        if not self.env.get("REDIS_URL"):
            wanted["ENGINEL_VALKEY_PORT"] = self.ports.valkey
        if self.with_sentry:
            wanted["ENGINEL_BUGSINK_PORT"] = self.ports.bugsink
        for variable, port in wanted.items():
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError as error:
                    raise LocalError(f"Port {port} on 127.0.0.1 is taken. Choose another: {variable}=PORT.") from error

    def start_sentry(self) -> None:
        """Start Bugsink if requested, and add its DSN to the environment of the other processes."""
        if self.with_sentry:
            self.sentry = Bugsink(self.state_dir / "bugsink", self.ports.bugsink)
            self.sentry.start()
            self.env["SENTRY_DSN"] = self.sentry.dsn
            self.env["ENGINEL_SENTRY_ISSUE_URL"] = self.sentry.issues_url

    def start_valkey(self) -> None:
        """Start the embedded Valkey and pass its URL to the other processes; do nothing if REDIS_URL is set."""
        if self.env.get("REDIS_URL"):
            return
        self.valkey = EmbeddedValkey(self.state_dir, port=self.ports.valkey)
        self.valkey.find_or_start()
        if self.valkey.pid is None:
            self.valkey = None
            raise LocalError(
                f"Another process uses the Valkey of {self.state_dir}. Stop it first, or set ENGINEL_STATE_DIR."
            )

    def start_services(self) -> None:
        """Start web, worker and beat; return when web answers and the worker accepts tasks."""
        bind = f"127.0.0.1:{self.ports.web}"
        self._start("web", ["gunicorn", "enginel.wsgi", "--config", "python:enginel.gunicorn", "--bind", bind])
        celery = ["celery", "-q", "-A", self.celery_app]
        worker = ["--concurrency", str(self.workers), "--hostname", "worker@%h", "--without-mingle", "--without-gossip"]
        self._start("worker", [*celery, "worker", "--loglevel", "INFO", *worker])
        schedule = str(self.state_dir / "celerybeat-schedule")
        self._start("beat", [*celery, "beat", "--loglevel", "INFO", "--schedule", schedule, "--pidfile", ""])
        self._wait("web", self._web_answers)
        self._wait("worker", lambda: b"ready." in self._log("worker").read_bytes())
        self._note.write({**self.env, "ENGINEL_PORT": str(self.ports.web)})

    def refuse_dead(self) -> None:
        """Raise `LocalError` when a process has ended by itself."""
        for name, process in self.processes.items():
            if process.poll() is not None:
                raise LocalError(f"{name} ended with exit code {process.returncode}; {self._last_words(name)}")

    def bound_logs(self) -> None:
        """Keep the logs of the running processes within their size."""
        for name in self.processes:
            logs.bound(self._log(name))
        if self.valkey is not None:
            logs.bound(self.valkey.log)

    def stop(self) -> None:
        """Stop all processes of this object; Valkey and Bugsink last, since the others send their backlog to them."""
        for process in self.processes.values():
            process.terminate()
        for name in list(self.processes):
            stop(self.processes[name])
            # Removed only now: if the wait is interrupted, `kill` must still find the process.
            del self.processes[name]
        if self.valkey is not None:
            self.valkey.stop()
            self.valkey = None
        if self.sentry is not None:
            self.sentry.stop()
            self.sentry = None
        self._note.remove()

    def kill(self) -> None:
        """Kill all processes of this object."""
        for process in self.processes.values():
            kill(process)
        if self.valkey is not None:
            self.valkey.kill()
        if self.sentry is not None:
            self.sentry.kill()
        self.stop()

    def _start(self, name: str, command: list[str]) -> None:
        logs.begin(self._log(name))
        with self._log(name).open("ab") as log:
            self.processes[name] = subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, "-m", *command],
                env=self.env,
                cwd=BASE_DIR,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=PRIVATE_UMASK,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - the supervisor has one thread
            )

    def _wait(self, name: str, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while not ready():
            self.refuse_dead()
            if time.monotonic() > deadline:
                raise LocalError(f"{name} is not ready after {_READY_SECONDS:.0f} s; {self._last_words(name)}")
            time.sleep(_POLL_SECONDS)

    def _web_answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.ports.web, timeout=2)
        try:
            connection.request("GET", "/api/health/")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def _log(self, name: str) -> Path:
        return self.logs_dir / f"{name}.log"

    def _last_words(self, name: str) -> str:
        path = self._log(name)
        lines = [line.strip() for line in path.read_text(errors="replace").splitlines() if line.strip()]
        last = f": {lines[-1][:300]}" if lines else ""
        return f"see {path}{last}"


def free_port() -> int:
    """Return a free loopback port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
