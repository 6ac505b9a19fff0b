"""Client of the kernel host: starts it, sends requests, detects its end.

A host belongs to the process that started it. It runs in its own session, so that Ctrl-C at a terminal does not
reach it, and ignores SIGTERM: on shutdown of the service, it finishes the current file.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final

from designs.cad.kernel_status import kernel_status, log_sandbox
from designs.cad.kernel_wire import Closed, receive, send, signal_name
from designs.exceptions import GeometryProcessingError, TaskTimeoutError

__all__ = ["KernelHost", "OwnHost"]

_START_SECONDS: Final = 60.0
# The host stops the child at the deadline and answers. After this grace period the host itself counts as hung.
_GRACE_SECONDS: Final = 1.0
_ROOT: Final = Path(__file__).resolve().parents[2]
# The child reads hostile files in C++, so it must not inherit secrets.
_INHERITED: Final = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR", "PYTHONDONTWRITEBYTECODE")
_ERROR_BYTES: Final = 64 * 1024
_ERROR_LINE_CHARS: Final = 200


class KernelHost:
    """A kernel host and the pipes to it.

    The constructor opens the pipes, `start` runs the process, `greet` waits until it has loaded the kernel.
    """

    def __init__(self) -> None:
        self.version = ""
        self.sandbox: dict[str, Any] = {}
        self.process: subprocess.Popen[bytes] | None = None
        reads, self._requests = os.pipe()
        self._answers, writes = os.pipe()
        # The host's standard error, up to the capacity of a pipe. The rest is lost: the host must not block on it.
        self._errors, errors = os.pipe()
        self._theirs: tuple[int, ...] = (reads, writes, errors)
        self._ours: tuple[int, ...] = (self._requests, self._answers, self._errors)
        os.set_blocking(errors, False)
        os.set_blocking(self._errors, False)

    def start(self) -> None:
        """Run the process; does not wait for it.

        Raises:
            OSError: When the system starts no more processes.
        """
        reads, writes, errors = self._theirs
        self.process = subprocess.Popen(
            [sys.executable, "-m", "designs.cad.kernel_host"],
            stdin=reads,
            stdout=writes,
            stderr=errors,
            env=_environment(),
            cwd="/",
            start_new_session=True,
        )
        self._close_child_ends()

    def greet(self) -> None:
        """Wait until the host is ready.

        Raises:
            GeometryProcessingError: When it ends, or cannot load the kernel.
        """
        if self.version:
            return
        try:
            hello = receive(self._answers, deadline=time.monotonic() + _START_SECONDS)
        except (Closed, TimeoutError) as e:
            raise not_started("The CAD kernel does not start.", said=self._last_words()) from e
        if not hello.get("ready"):
            raise not_started(f"The CAD kernel cannot be loaded: {hello.get('message', '')}")
        self.sandbox = hello["sandbox"]
        self.version = str(hello["version"])
        log_sandbox(self.sandbox)

    def ask(self, request: dict[str, Any], timeout_seconds: float) -> dict[str, Any]:
        """Send one request and return the answer. Any exception in between kills the host.

        Raises:
            TaskTimeoutError: When the host does not answer.
            GeometryProcessingError: When it died.
        """
        deadline = time.monotonic() + timeout_seconds + _GRACE_SECONDS
        answered = False
        try:
            send(self._requests, request)
            answer = receive(self._answers, deadline=deadline)
            answered = True
        except TimeoutError as e:
            raise TaskTimeoutError(details={"stage": "host", "reason": "deadline", "seconds": timeout_seconds}) from e
        except Closed as e:
            raise GeometryProcessingError(
                "The CAD kernel's host process ended.",
                details={"stage": "host", "reason": "host_gone", **self._death_signal()},
            ) from e
        finally:
            # A task's time limit may raise here; the next file must not get the answer to this one.
            if not answered:
                self.kill()
        return answer

    def alive(self) -> bool:
        """Return whether the process runs; reap it if not."""
        return self.process is not None and self.process.poll() is None

    def kill_process(self) -> None:
        """Kill the host and its child (one process group); a thread that waits for its answer gets a failure."""
        if self.process is not None and self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def kill(self) -> None:
        """Kill the host with its child, reap it and close its pipes."""
        self.kill_process()
        if self.process is not None:
            self.process.wait()
        self._close()

    def disown(self) -> None:
        """Close the inherited pipes of the parent process's host."""
        self._close()
        if self.process is not None:
            # Popen must not wait for, or warn about, a child of the parent process.
            self.process.returncode = 0

    def _death_signal(self) -> dict[str, str]:
        """Return the signal that ended the host as a detail; none when it left on its own."""
        code = 0
        if self.process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = self.process.wait(_GRACE_SECONDS)
        return {"signal": signal_name(-code)} if code < 0 else {}

    def _last_words(self) -> str:
        """Return the last line the host wrote to its standard error."""
        try:
            text = os.read(self._errors, _ERROR_BYTES).decode("utf-8", "replace")
        except OSError:
            return ""
        return (text.strip().splitlines() or [""])[-1][:_ERROR_LINE_CHARS]

    def _close(self) -> None:
        self._close_child_ends()
        ours, self._ours = self._ours, ()
        for descriptor in ours:
            os.close(descriptor)

    def _close_child_ends(self) -> None:
        theirs, self._theirs = self._theirs, ()
        for descriptor in theirs:
            os.close(descriptor)


class OwnHost:
    """The host of this process, if it has one; ``lock`` lets one thread at a time use it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.host: KernelHost | None = None
        self._has_hooks = False

    def started(self) -> KernelHost:
        """Return the host, started unless it runs; it may not be ready yet. Needs the lock.

        Raises:
            GeometryProcessingError: When the kernel is not installed.
            OSError: When the system starts no more processes.
        """
        if self.host is not None and self.host.alive():
            return self.host
        self.stop()
        status = kernel_status()
        if not status.installed:
            raise not_started(status.message)
        self._register_hooks()
        # Set before the start: if another thread forks meanwhile, the new process can close the pipes.
        self.host = KernelHost()
        try:
            self.host.start()
        except BaseException:
            self.stop()
            raise
        return self.host

    def running(self) -> KernelHost:
        """Return the host, ready for requests. Needs the lock.

        Raises:
            GeometryProcessingError: When the kernel is not installed or does not start.
            OSError: When the system starts no more processes.
        """
        host = self.started()
        try:
            host.greet()
        except BaseException:
            self.stop()
            raise
        return host

    def _register_hooks(self) -> None:
        """End the host with this process and forget it in forked ones; here, since the package runs without Django."""
        if not self._has_hooks:
            self._has_hooks = True
            os.register_at_fork(after_in_child=self.forget)
            atexit.register(self.shut_down)

    def stop(self) -> None:
        """End the host, if there is one. Needs the lock."""
        if self.host is not None:
            self.host.kill()
        self.host = None

    def shut_down(self) -> None:
        """End the host and its current file; the waiting thread gets a failure."""
        if (host := self.host) is not None:
            host.kill_process()
        with self.lock:
            self.stop()

    def forget(self) -> None:
        """Drop the parent's host in a forked child; otherwise its pipes would stay open here after its end.

        Replace the lock: a thread that does not exist in this process may have held it at the fork.
        """
        self.lock = threading.Lock()
        if self.host is not None:
            self.host.disown()
        self.host = None


def not_started(message: str, *, said: str = "") -> GeometryProcessingError:
    """Return the exception for a kernel that is not installed or does not start."""
    details = {"stage": "host", "reason": "kernel_not_installed", **({"said": said} if said else {})}
    return GeometryProcessingError(message, "kernel_not_installed", details=details)


def _environment() -> dict[str, str]:
    passed = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {**passed, "PYTHONPATH": str(_ROOT), "PYTHONSAFEPATH": "1"}
