"""Stands for the reader of files in a real child of a real host, and tries what a hostile file must not make it do.

Loaded by the ``sitecustomize`` that the tests put before the host's modules. It can also take mechanisms away, as an
older Linux or the rules of a container do: by a filter of its own.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import socket
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from designs.cad import kernel_child
from designs.cad.sandbox import Sandbox, linux, seccomp

__all__ = ["replace_reader", "take_away", "take_away_after_trial"]

_PTRACE_SEIZE: Final = 0x4206
_NUMBERS: Final = {
    "x86_64": {"unshare": 272, "prctl": 157, "seccomp": 317},
    "aarch64": {"unshare": 97, "prctl": 167, "seccomp": 277},
}[os.uname().machine]
_LANDLOCK_CREATE_RULESET: Final = 444
_IO_URING_SETUP: Final = 425
_PR_GET_DUMPABLE: Final = 3
_PR_SET_SECCOMP: Final = 22
_BAD_POINTER: Final = ctypes.c_void_p(1)


def replace_reader() -> None:
    """Have the host find `attack` where it expects the reader of files."""
    reader = types.ModuleType("designs.cad.kernel_reader")
    reader.read_geometry = attack  # type: ignore[attr-defined]
    sys.modules[reader.__name__] = reader


def take_away(mechanisms: list[str]) -> None:
    """Refuse the system calls of mechanisms, as Linux does where they are not allowed."""
    refused = {
        "landlock": [(_LANDLOCK_CREATE_RULESET, errno.ENOSYS)],
        "namespaces": [(_NUMBERS["unshare"], errno.EPERM)],
        "seccomp": [(_NUMBERS["seccomp"], errno.ENOSYS)],
    }
    allow = (0x06, 0, 0, seccomp.SECCOMP_ALLOW)
    program = [(0x20, 0, 0, 0)]
    for number, error in (call for name in mechanisms for call in refused[name]):
        program += [(0x15, 0, 1, number), (0x06, 0, 0, seccomp.SECCOMP_ERRNO | error)]
    if "seccomp" in mechanisms:
        refusal = (0x06, 0, 0, seccomp.SECCOMP_ERRNO | errno.EINVAL)
        program += [(0x15, 0, 3, _NUMBERS["prctl"]), (0x20, 0, 0, 16), (0x15, 0, 1, _PR_SET_SECCOMP), refusal]
    linux.forbid_new_privileges()
    seccomp.install([*program, allow], _NUMBERS["seccomp"])


def take_away_after_trial(mechanisms: list[str]) -> None:
    """Refuse mechanisms once the host has found them to work."""
    trial = kernel_child.try_sandbox

    def try_and_lose(sandbox: Sandbox, inherited: list[int]) -> dict[str, Any] | None:
        report = trial(sandbox, inherited)
        take_away(mechanisms)
        return report

    kernel_child.try_sandbox = try_and_lose


def attack(descriptor: int, kind: str, enter: Callable[[str], None], **_: object) -> dict[str, Any]:
    """Return how each attack ended: ``done``, or the name of the error that stopped it."""
    facts = json.loads(kind)
    attacks: dict[str, Callable[[], object]] = {
        "connect by TCP": lambda: socket.create_connection(("127.0.0.1", facts["port"]), 2),
        "send by UDP": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9)),
        "connect to a local socket": lambda: socket.socket(socket.AF_UNIX).connect(facts["socket"]),
        "make a pair of sockets": socket.socketpair,
        "read the environment of the host": lambda: _read(f"/proc/{os.getppid()}/environ"),
        "read the environment of the client": lambda: _read(f"/proc/{facts['client']}/environ"),
        "read the memory of the client": lambda: os.open(f"/proc/{facts['client']}/mem", os.O_RDONLY),
        "trace the client": lambda: _call("ptrace", _PTRACE_SEIZE, facts["client"], None, None),
        "trace the host": lambda: _call("ptrace", _PTRACE_SEIZE, os.getppid(), None, None),
        "signal the client": lambda: os.kill(facts["client"], 0),
        "signal the host": lambda: os.kill(os.getppid(), 0),
        "limit the client": lambda: _call("prlimit", facts["client"], 7, None, (ctypes.c_uint64 * 2)()),
        "run a program": _run_a_program,
        "fork": _fork,
        "read another file": lambda: _read(facts["secret"]),
        "change the mode of a file": lambda: Path(facts["secret"]).chmod(0o600),
        "list a directory": lambda: os.listdir("/"),  # noqa: PTH208 - `iterdir` is lazy
        "write another file": lambda: os.open(facts["secret"], os.O_WRONLY),
        "make a file": lambda: os.open(facts["new"], os.O_RDONLY | os.O_CREAT),
        "make a directory": lambda: Path(facts["new"] + "-directory").mkdir(),
        "remove a file": lambda: Path(facts["removable"]).unlink(),
        "write to its input": lambda: os.open(f"/proc/self/fd/{descriptor}", os.O_RDWR),
        "truncate its input": lambda: os.truncate(f"/proc/self/fd/{descriptor}", 1),
        "take memory beyond its limit": lambda: os.memfd_create("beyond"),
        "use io_uring": _use_io_uring,
        "use a namespace": lambda: _call("unshare", 0x1000_0000),
    }
    return {
        "ended": {name: _ended(attempt) for name, attempt in attacks.items()},
        "environment": sorted(os.environ),
        "input": _read(f"/proc/self/fd/{descriptor}").decode(),
        "dumpable": linux.libc.prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0),
    }


def _ended(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except OSError as e:
        return errno.errorcode[e.errno or 0]
    return "done"


def _read(path: str) -> bytes:
    return Path(path).read_bytes()


def _call(name: str, *arguments: object) -> None:
    if getattr(linux.libc, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), name)


def _run_a_program() -> None:
    # The arguments lie nowhere, so that this process lives on: the error for that comes after all permissions.
    with contextlib.suppress(_Faulty):
        try:
            _call("execve", b"/bin/true", _BAD_POINTER, None)
        except OSError as e:
            raise (_Faulty() if e.errno == errno.EFAULT else e) from e


def _use_io_uring() -> None:
    with contextlib.suppress(_Faulty):
        try:
            linux.call(_IO_URING_SETUP, ctypes.c_uint(1), _BAD_POINTER)
        except OSError as e:
            raise (_Faulty() if e.errno == errno.EFAULT else e) from e


class _Faulty(Exception):
    """The call was permitted, and failed by its argument only."""


def _fork() -> None:
    pid = os.fork()
    if not pid:
        os._exit(0)
    os.waitpid(pid, 0)
