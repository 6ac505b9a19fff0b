"""Child processes of a local run: none outlives its parent."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys

__all__ = ["LocalError", "die_with_parent", "kill", "stop"]

_PR_SET_PDEATHSIG = 1
_STOP_SECONDS = 10.0

_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class LocalError(Exception):
    """A local run cannot continue; the message is one line for the user at the terminal."""


def die_with_parent() -> None:
    """Make Linux send SIGTERM to this new child when its parent dies, even by SIGKILL."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def stop(process: subprocess.Popen[bytes], seconds: float = _STOP_SECONDS) -> None:
    """Terminate a child; after ``seconds`` kill it, with its whole session if it leads one."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            kill(process)
            process.wait()


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a child, with its whole session if it leads one."""
    if process.poll() is not None:
        return
    try:
        leads_session = os.getsid(process.pid) == process.pid
    except ProcessLookupError:
        return
    if leads_session:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
