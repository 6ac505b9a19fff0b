"""A seccomp filter that allows only the system calls needed to read a file with the CAD kernel.

The filter is a program for Linux's BPF machine. It sees the number and the arguments of a call, but not the memory
behind pointers, so it cannot distinguish paths. An allow list also refuses calls that future versions of Linux add.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from designs.cad.sandbox.linux import call, libc

__all__ = ["SECCOMP_ALLOW", "SECCOMP_ERRNO", "CallFilter", "install", "program_for", "supports_seccomp"]

SECCOMP_ALLOW: Final = 0x7FFF_0000
SECCOMP_ERRNO: Final = 0x0005_0000
_KILL_PROCESS: Final = 0x8000_0000

_PR_SET_SECCOMP: Final = 22
_MODE_FILTER: Final = 2
_SET_MODE_FILTER: Final = 1
# Before 5.16 Linux slows filtered processes to prevent leaks within the process; the child has nothing to leak.
_FLAG_SPEC_ALLOW: Final = 1 << 2

# Instructions of the BPF machine.
_LOAD: Final = 0x20
_JUMP_EQUAL: Final = 0x15
_JUMP_GREATER: Final = 0x25
_JUMP_GREATER_EQUAL: Final = 0x35
_JUMP_ANY_BIT: Final = 0x45
_RETURN: Final = 0x06

# Offsets of the call's number, its architecture and the lower halves of its arguments; all are little-endian.
_NUMBER_AT: Final = 0
_ARCHITECTURE_AT: Final = 4
_ARGUMENTS_AT: Final = 16

# Calls since Linux 5.1 have one number on all architectures, and the C library works without missing ones.
_FIRST_OPTIONAL: Final = 424
# O_WRONLY, O_RDWR, O_CREAT and O_TRUNC.
_WRITING: Final = 0o1103
_LAST_PLAIN_FCNTL: Final = 4
_TCGETS: Final = 0x5401

# Placeholder for the process id until the filter is installed; no process id is as high.
_OWN_PID: Final = 0x7FFF_FFFF
_INSTRUCTION_BYTES: Final = 8

Instruction = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class _Architecture:
    """Differences between processors: the filter's name for each, and the numbers of calls."""

    audit_name: int
    seccomp: int
    always: dict[str, int]
    openat: int
    fcntl: int
    ioctl: int
    prlimit: int
    tgkill: int
    open: int | None = None


# The most frequent first: an older Linux walks the whole list at every call.
_X86_64: Final = _Architecture(
    0xC000_003E,
    317,
    {
        "brk": 12, "times": 100, "read": 0, "write": 1, "newfstatat": 262, "fstat": 5, "close": 3, "lseek": 8,
        "mmap": 9, "munmap": 11, "mremap": 25, "mprotect": 10, "madvise": 28, "futex": 202, "pread64": 17,
        "readv": 19, "writev": 20, "stat": 4, "lstat": 6, "statx": 332, "fstatfs": 138, "access": 21, "faccessat": 269,
        "readlink": 89, "readlinkat": 267, "getcwd": 79, "fadvise64": 221, "dup": 32, "poll": 7, "ppoll": 271,
        "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15, "sigaltstack": 131, "restart_syscall": 219,
        "getpid": 39, "gettid": 186, "getppid": 110, "getuid": 102, "geteuid": 107, "getgid": 104, "getegid": 108,
        "time": 201, "gettimeofday": 96, "clock_gettime": 228, "clock_getres": 229, "clock_nanosleep": 230,
        "nanosleep": 35, "getrusage": 98, "getrlimit": 97, "getrandom": 318, "uname": 63, "sysinfo": 99,
        "sched_yield": 24, "sched_getaffinity": 204, "set_robust_list": 273, "rseq": 334, "membarrier": 324,
        "exit": 60, "exit_group": 231,
    },
    openat=257, fcntl=72, ioctl=16, prlimit=302, tgkill=234, open=2,
)  # fmt: skip
_AARCH64: Final = _Architecture(
    0xC000_00B7,
    277,
    {
        "brk": 214, "times": 153, "read": 63, "write": 64, "newfstatat": 79, "fstat": 80, "close": 57, "lseek": 62,
        "mmap": 222, "munmap": 215, "mremap": 216, "mprotect": 226, "madvise": 233, "futex": 98, "pread64": 67,
        "readv": 65, "writev": 66, "statx": 291, "fstatfs": 44, "faccessat": 48, "readlinkat": 78, "getcwd": 17,
        "fadvise64": 223, "dup": 23, "ppoll": 73,
        "rt_sigaction": 134, "rt_sigprocmask": 135, "rt_sigreturn": 139, "sigaltstack": 132, "restart_syscall": 128,
        "getpid": 172, "gettid": 178, "getppid": 173, "getuid": 174, "geteuid": 175, "getgid": 176, "getegid": 177,
        "gettimeofday": 169, "clock_gettime": 113, "clock_getres": 114, "clock_nanosleep": 115, "nanosleep": 101,
        "getrusage": 165, "getrlimit": 163, "getrandom": 278, "uname": 160, "sysinfo": 179,
        "sched_yield": 124, "sched_getaffinity": 123, "set_robust_list": 99, "rseq": 293, "membarrier": 283,
        "exit": 93, "exit_group": 94,
    },
    openat=56, fcntl=25, ioctl=29, prlimit=261, tgkill=131,
)  # fmt: skip
_ARCHITECTURES: Final = {"x86_64": _X86_64, "aarch64": _AARCH64}


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


@dataclass(frozen=True, slots=True)
class _Condition:
    """A comparison of half an argument; the call is refused when its result is not ``expected``."""

    argument: int
    jump: int
    value: int
    expected: bool
    upper_half: bool = False


class CallFilter:
    """The filter for children of this process, prepared once.

    Raises:
        OSError: When Linux has no seccomp, or the numbers of its calls are not known here.
    """

    def __init__(self) -> None:
        supports_seccomp()
        self._seccomp = _architecture().seccomp
        self._code = _encoded(program_for(os.uname().machine, _OWN_PID))

    def install(self) -> None:
        """Refuse every system call that reading a file does not need. Cannot be undone.

        Raises:
            OSError: When Linux accepts no filter.
        """
        own = struct.pack("=I", os.getpid())
        _install(self._code.replace(struct.pack("=I", _OWN_PID), own), self._seccomp)


def supports_seccomp() -> None:
    """Check that Linux supports filters, without setting one.

    Raises:
        OSError: When it does not, or the numbers of its calls are not known here.
    """
    _architecture()
    try:
        _set_filter(None)
    except OSError as e:
        # Linux supports filters; the error says only that none was passed.
        if e.errno != errno.EFAULT:
            raise


def program_for(machine: str, pid: int) -> list[Instruction]:
    """Return the filter of a processor architecture for the process ``pid``, which may signal itself."""
    known = _ARCHITECTURES[machine]
    return [
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_JUMP_EQUAL, 1, 0, known.audit_name),
        # A call of another architecture has other numbers.
        (_RETURN, 0, 0, _KILL_PROCESS),
        (_LOAD, 0, 0, _NUMBER_AT),
        *(step for number in known.always.values() for step in _allowed(number)),
        *_conditional(known, pid),
        (_JUMP_GREATER_EQUAL, 0, 1, _FIRST_OPTIONAL),
        (_RETURN, 0, 0, SECCOMP_ERRNO | errno.ENOSYS),
        (_RETURN, 0, 0, SECCOMP_ERRNO | errno.EPERM),
    ]


def install(program: list[Instruction], seccomp: int) -> None:
    """Set a filter; ``seccomp`` is the number of the call for it.

    Raises:
        OSError: When Linux accepts none.
    """
    _install(_encoded(program), seccomp)


def _encoded(program: list[Instruction]) -> bytes:
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


def _install(code: bytes, seccomp: int) -> None:
    filter_ = ctypes.byref(_Program(len(code) // _INSTRUCTION_BYTES, code))
    with contextlib.suppress(OSError):
        call(seccomp, ctypes.c_uint(_SET_MODE_FILTER), ctypes.c_uint(_FLAG_SPEC_ALLOW), filter_)
        return
    # Before 4.17, or if another filter refuses the newer call.
    _set_filter(filter_)


def _set_filter(filter_: Any) -> None:
    zero = ctypes.c_ulong(0)
    if libc.prctl(ctypes.c_int(_PR_SET_SECCOMP), ctypes.c_ulong(_MODE_FILTER), filter_, zero, zero) < 0:
        raise OSError(ctypes.get_errno(), "Linux takes no filter.")


def _architecture() -> _Architecture:
    # A 32-bit Python on a 64-bit Linux makes calls of another architecture.
    known = _ARCHITECTURES.get(os.uname().machine) if sys.maxsize > 2**32 else None
    if known is None:
        raise OSError(errno.ENOTSUP, "The numbers of system calls are known for x86_64 and aarch64 only.")
    return known


def _allowed(number: int) -> Iterator[Instruction]:
    yield _JUMP_EQUAL, 0, 1, number
    yield _RETURN, 0, 0, SECCOMP_ALLOW


def _conditional(known: _Architecture, pid: int) -> Iterator[Instruction]:
    yield from _allowed_when(known.openat, _Condition(2, _JUMP_ANY_BIT, _WRITING, expected=False))
    if known.open is not None:
        yield from _allowed_when(known.open, _Condition(1, _JUMP_ANY_BIT, _WRITING, expected=False))
    # Other commands can cause signals, lock files or seal memory.
    yield from _allowed_when(known.fcntl, _Condition(1, _JUMP_GREATER, _LAST_PLAIN_FCNTL, expected=False))
    # Used by the C library to check whether a stream is a terminal.
    yield from _allowed_when(known.ioctl, _Condition(1, _JUMP_EQUAL, _TCGETS, expected=True))
    # Read this process's own limits only: no other process, no new limits.
    yield from _allowed_when(
        known.prlimit,
        _Condition(0, _JUMP_EQUAL, 0, expected=True),
        _Condition(2, _JUMP_EQUAL, 0, expected=True),
        _Condition(2, _JUMP_EQUAL, 0, expected=True, upper_half=True),
    )
    # `abort` ends the process by a signal to itself.
    yield from _allowed_when(known.tgkill, _Condition(0, _JUMP_EQUAL, pid, expected=True))


def _allowed_when(number: int, *conditions: _Condition) -> Iterator[Instruction]:
    yield _JUMP_EQUAL, 0, 2 * len(conditions) + 2, number
    for position, condition in enumerate(conditions, start=1):
        refusal = 2 * (len(conditions) - position) + 1
        yield _LOAD, 0, 0, _ARGUMENTS_AT + 8 * condition.argument + 4 * condition.upper_half
        taken, passed = (0, refusal) if condition.expected else (refusal, 0)
        yield condition.jump, taken, passed, condition.value
    yield _RETURN, 0, 0, SECCOMP_ALLOW
    yield _RETURN, 0, 0, SECCOMP_ERRNO | errno.EPERM
