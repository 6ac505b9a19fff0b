"""Linux system calls that Python does not offer."""

from __future__ import annotations

import ctypes
import os
import signal
import struct
from typing import Final

__all__ = ["call", "drop_capabilities", "end_with_parent", "forbid_dumps", "forbid_new_privileges", "libc", "unshare"]

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_SET_NO_NEW_PRIVS: Final = 38
_CLONE_NEWUSER: Final = 0x1000_0000
_CLONE_NEWNET: Final = 0x4000_0000

# The version of the structure and the process, where 0 is this one; then effective, permitted and inheritable, twice.
_OWN_CAPABILITIES: Final = struct.pack("=Ii", 0x2008_0522, 0)
_NO_CAPABILITIES: Final = bytes(24)

libc: Final = ctypes.CDLL(None, use_errno=True)


def call(number: int, *arguments: object) -> int:
    """Make a system call by its number.

    Raises:
        OSError: When the call fails.
    """
    return _checked(libc.syscall(ctypes.c_long(number), *arguments))


def end_with_parent() -> None:
    """Make Linux send SIGKILL to this process when its parent ends."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def forbid_dumps() -> None:
    """Make this process not dumpable: no core file, and no process of the same user may trace or read it."""
    _prctl(_PR_SET_DUMPABLE, 0)


def forbid_new_privileges() -> None:
    """Disable privilege gain by set-user-id programs; Linux requires it before a filter or a Landlock domain."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def drop_capabilities() -> None:
    """Drop all capabilities: without them, even root may not inspect processes that have some."""
    _checked(libc.capset(_OWN_CAPABILITIES, _NO_CAPABILITIES))


def unshare(*, network: bool) -> None:
    """Move this process, which must have one thread, to a user namespace and perhaps a network namespace of its own.

    It may not inspect processes outside: their credentials belong to another namespace, where it has no capability.
    """
    _checked(libc.unshare(_CLONE_NEWUSER | (_CLONE_NEWNET if network else 0)))


def _prctl(option: int, value: int) -> None:
    # Variadic in C: each argument must be as wide as Linux reads it.
    zero = ctypes.c_ulong(0)
    _checked(libc.prctl(ctypes.c_int(option), ctypes.c_ulong(value), zero, zero, zero))


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
