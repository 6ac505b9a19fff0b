"""The child of the kernel host: opens one file, enters the sandbox, and only then reads the file's content."""

from __future__ import annotations

import os
import resource
import signal
import stat
import time
from pathlib import Path
from typing import Any, Final, NoReturn

from designs.cad.files import open_regular
from designs.cad.kernel_input import rewrite
from designs.cad.kernel_wire import Closed, receive, send
from designs.cad.sandbox import Sandbox, WeakerSandbox
from designs.cad.sandbox.linux import end_with_parent, libc
from designs.exceptions import InvalidFileFormat

__all__ = ["try_sandbox", "work"]

_UTF8_BOM: Final = b"\xef\xbb\xbf"
_TRIAL_SECONDS: Final = 10.0
# The last failure with its frames. Freeing an object that was half built when memory ran out may crash.
_kept: Final[list[Exception | None]] = [None]


def try_sandbox(sandbox: Sandbox, inherited: list[int]) -> dict[str, Any] | None:
    """Enter the sandbox in a trial child that reads nothing and return its report; None when the child dies."""
    reads, writes = os.pipe()
    host, pid = os.getpid(), os.fork()
    if not pid:
        for descriptor in (*inherited, reads):
            os.close(descriptor)
        _report_sandbox(sandbox, writes, host)
    os.close(writes)
    try:
        report = receive(reads, deadline=time.monotonic() + _TRIAL_SECONDS)
    except (Closed, TimeoutError):
        return None
    finally:
        os.close(reads)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    sandbox.accept(report["not_prevented"])
    return report


def _report_sandbox(sandbox: Sandbox, answer: int, host: int) -> NoReturn:
    try:
        end_with_parent()
        if os.getppid() == host:
            send(answer, sandbox.enter([os.open(os.devnull, os.O_RDONLY)]).as_message())
    finally:
        os._exit(0)


def work(request: dict[str, Any], result: int, log: int, *, host: int, sandbox: Sandbox) -> NoReturn:
    """Read one file and exit without the parent's exit handlers.

    Args:
        request: The request of `designs.cad.kernel`.
        result: Descriptor that gets the stages and the outcome.
        log: Descriptor for the kernel's output.
        host: Process id of the parent; this process ends with it.
        sandbox: The sandbox to enter before the content is read.
    """
    code = 1
    try:
        end_with_parent()
        if os.getppid() == host:
            os.dup2(log, 1)
            os.dup2(log, 2)
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            fits = _limit(int(request["memory_limit_bytes"]))
            send(result, {"geometry": _read(request, result, sandbox) if fits else {"failure": "memory_limit"}})
            code = 0
    finally:
        # The kernel's output is still in the buffer of the C library.
        libc.fflush(None)
        os._exit(code)


def _limit(memory_bytes: int) -> bool:
    """Set the resource limits of this child; return False when it already exceeds the memory limit."""
    # Plain calls only: after the fork, each object touched copies a page.
    statm = os.open("/proc/self/statm", os.O_RDONLY)
    pages = int(os.read(statm, 64).split()[0])
    os.close(statm)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = memory_bytes if hard == resource.RLIM_INFINITY else min(memory_bytes, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    return pages * resource.getpagesize() < limit


def _read(request: dict[str, Any], result: int, sandbox: Sandbox) -> dict[str, Any]:
    from designs.cad.kernel_reader import read_geometry  # noqa: PLC0415 - loaded before the fork

    try:
        content = _readable(open_regular(Path(request["path"]), stage="read"))
        # Made before it is needed: the sandbox allows no new file.
        copy = os.memfd_create("plain") if request.get("needs_rewrite") else -1
        sandbox.enter([content])
        if copy >= 0:
            send(result, {"stage": "read"})
            content = rewrite(content, copy, request["kind"], has_odd_units=request.get("odd_units", False))
        options = request.get("options", {})
        return read_geometry(content, request["kind"], lambda stage: send(result, {"stage": stage}), **options)
    except InvalidFileFormat:
        return {"failure": "not_regular"}
    except WeakerSandbox:
        return {"failure": "sandbox"}
    except OSError as e:
        return {"failure": "os_error", "errno": e.errno}
    except MemoryError as e:
        _kept[0] = e
        return {"failure": "memory_limit"}
    # The kernel's own exceptions have no common base in Python. Only their name is sent, never their text.
    except Exception as e:  # noqa: BLE001
        _kept[0] = e
        name = type(e).__name__[:80]
        return {
            "failure": "memory_limit" if name == "Standard_OutOfMemory" else "kernel_exception",
            "exception": name,
        }


def _readable(descriptor: int) -> int:
    """Return a descriptor of the content which the kernel, without capabilities, can open again and can read.

    The kernel does not read a file that begins with a byte order mark. A copy is in memory.
    """
    facts = os.fstat(descriptor)
    skipped = len(_UTF8_BOM) if os.pread(descriptor, len(_UTF8_BOM), 0) == _UTF8_BOM else 0
    # Root opens files of others by a capability, which the sandbox takes.
    by_capability = not os.geteuid() and facts.st_uid and not facts.st_mode & stat.S_IROTH
    if not skipped and not by_capability:
        return descriptor
    copy = os.memfd_create("content")
    position = skipped
    while position < facts.st_size:
        position += os.sendfile(copy, descriptor, position, facts.st_size - position)
    return copy
