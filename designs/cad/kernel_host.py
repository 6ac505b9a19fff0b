"""The kernel host process: imports the CAD kernel once, then forks one child per file.

Started by `designs.cad.kernel` as ``python -m designs.cad.kernel_host``; uses the protocol of `kernel_wire` on
standard input and output. It has one thread, so that forking is safe, and ends with its client.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import time
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any, Final

from designs.cad.kernel_child import try_sandbox, work
from designs.cad.kernel_wire import MAX_MESSAGE_BYTES, Closed, receive, send, signal_name, unpack
from designs.cad.sandbox import Sandbox

__all__ = ["main"]

_DISTRIBUTIONS: Final = ("cadquery-ocp-novtk", "cadquery-ocp")
# Our input closes when the client dies. Polling detects its death even if a copy of the pipe survives.
_ORPHAN_CHECK_SECONDS: Final = 1.0
_READ_BYTES: Final = 64 * 1024
_STAGES: Final = ("read", "transfer", "props")
# Printed by the reader for damaged STEP files even when it returns success.
_DAMAGE_LINES: Final = (b"ERR StepFile", b"ERR StepReaderData")


class ClientGone(Exception):
    """The client has ended."""


@dataclass
class _Run:
    """State of the running child."""

    pid: int
    result: int
    log: int
    messages: bytearray = field(default_factory=bytearray)
    line: bytes = b""
    damage_lines: int = 0
    out_of_memory: bool = False


def main() -> None:
    """Serve requests until the client closes our input."""
    # On a shutdown that signals the client too, finish the answer it waits for.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    requests, answers = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    with contextlib.suppress(Closed, ClientGone):
        _serve(requests, answers, os.getppid())


def _serve(requests: int, answers: int, client: int) -> None:
    try:
        # Imported here, so that a failure to load the kernel is reported to the client.
        from designs.cad import kernel_reader  # noqa: F401, PLC0415
    except ImportError as e:
        send(answers, {"ready": False, "message": str(e)[:500]})
        return
    gc.freeze()
    sandbox = Sandbox()
    report = try_sandbox(sandbox, [requests, answers])
    if report is None:
        send(answers, {"ready": False, "message": "its process does not survive entering its sandbox"})
        return
    send(answers, {"ready": True, "version": _version(), "sandbox": report})
    while True:
        _wait_for_request(requests, client)
        request = receive(requests)
        send(answers, _run_child(request, requests, answers, client, sandbox))


def _wait_for_request(requests: int, client: int) -> None:
    while not select.select([requests], [], [], _ORPHAN_CHECK_SECONDS)[0]:
        if os.getppid() != client:
            raise ClientGone


def _version() -> str:
    for name in _DISTRIBUTIONS:
        with contextlib.suppress(metadata.PackageNotFoundError):
            return f"{name} {metadata.version(name)}"
    return "unknown"


def _run_child(request: dict[str, Any], requests: int, answers: int, client: int, sandbox: Sandbox) -> dict[str, Any]:
    """Run one request in a child, reap it and return how it ended."""
    started = time.monotonic()
    run = _forked(request, [requests, answers], sandbox)
    finished = False
    try:
        finished = _watch(run, requests, client, deadline=started + float(request["timeout_seconds"]))
    finally:
        if not finished:
            os.kill(run.pid, signal.SIGKILL)
        _, status, usage = os.wait4(run.pid, 0)
        os.close(run.result)
        os.close(run.log)
    return {
        **_outcome(run, os.waitstatus_to_exitcode(status), timed_out=not finished),
        "damage_lines": run.damage_lines,
        "duration_seconds": time.monotonic() - started,
        "peak_memory_bytes": usage.ru_maxrss * 1024,
    }


def _outcome(run: _Run, exit_code: int, *, timed_out: bool) -> dict[str, Any]:
    stage, geometry = _read_messages(bytes(run.messages))
    if timed_out:
        return {"outcome": "timeout", "stage": stage}
    if run.out_of_memory:
        return {"outcome": "failed", "stage": stage, "geometry": {"failure": "memory_limit"}}
    if exit_code < 0:
        return {"outcome": "signal", "stage": stage, "signal": signal_name(-exit_code)}
    if geometry is None:
        return {"outcome": "failed", "stage": stage, "geometry": {"failure": "no_result"}}
    return {"outcome": "failed" if "failure" in geometry else "done", "stage": stage, "geometry": geometry}


def _read_messages(messages: bytes) -> tuple[str, dict[str, Any] | None]:
    """Return the last stage the child entered and its result, if any."""
    stage, geometry = "start", None
    for message in unpack(messages):
        # A file may have taken over the child: accept only messages of the expected types.
        stage = message["stage"] if message.get("stage") in _STAGES else stage
        geometry = message["geometry"] if isinstance(message.get("geometry"), dict) else geometry
    return stage, geometry


def _watch(run: _Run, requests: int, client: int, *, deadline: float) -> bool:
    """Drain the pipes of the child until it closes them; False when the deadline passes first.

    Raises:
        ClientGone: When the client has ended.
    """
    open_pipes = {run.result, run.log}
    while open_pipes:
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            return False
        ready, _, _ = select.select([requests, *open_pipes], [], [], min(remaining, _ORPHAN_CHECK_SECONDS))
        # The client sends nothing while it waits: readable means closed.
        if requests in ready or os.getppid() != client:
            raise ClientGone
        for descriptor in ready:
            if not _drain(run, descriptor):
                open_pipes.discard(descriptor)
    return True


def _drain(run: _Run, descriptor: int) -> bool:
    """Read the pending content of a pipe; return False at its end."""
    chunk = os.read(descriptor, _READ_BYTES)
    if descriptor == run.log:
        _count_damage_lines(run, chunk)
    elif len(run.messages) + len(chunk) <= MAX_MESSAGE_BYTES:
        run.messages += chunk
    return bool(chunk)


def _count_damage_lines(run: _Run, chunk: bytes) -> None:
    """Count the kernel's damage messages and drop their text, which may quote the file."""
    *lines, rest = (run.line + chunk).split(b"\n")
    run.line = rest[-200:]
    if not chunk:
        lines.append(rest)
    for line in lines:
        run.damage_lines += any(mark in line for mark in _DAMAGE_LINES)
        run.out_of_memory |= b"bad_alloc" in line


def _forked(request: dict[str, Any], inherited: list[int], sandbox: Sandbox) -> _Run:
    result_read, result_write = os.pipe()
    log_read, log_write = os.pipe()
    host = os.getpid()
    pid = os.fork()
    if not pid:
        for descriptor in (*inherited, result_read, log_read):
            os.close(descriptor)
        work(request, result_write, log_write, host=host, sandbox=sandbox)
    os.close(result_write)
    os.close(log_write)
    return _Run(pid=pid, result=result_read, log=log_read)


if __name__ == "__main__":
    main()
