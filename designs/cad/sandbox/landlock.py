"""Landlock: limits on files, TCP ports and signals that a process imposes on itself (Linux 5.13 and newer).

A process in a Landlock domain cannot trace processes outside, nor read their memory or environment in ``/proc``.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Iterable
from typing import Final

from designs.cad.sandbox.linux import call

__all__ = ["FileRules", "landlock_version"]

# The numbers are the same on all architectures that Enginel supports.
_CREATE_RULESET: Final = 444
_ADD_RULE: Final = 445
_RESTRICT_SELF: Final = 446

_ASK_VERSION: Final = 1
_RULE_PATH_BENEATH: Final = 1
_READ_FILE: Final = 1 << 2
# Kinds of access to files, ports and other processes, by the first Landlock version that supports them.
_FILE_ACCESS: Final = {1: (1 << 13) - 1, 2: 1 << 13, 3: 1 << 14, 5: 1 << 15}
_PORT_ACCESS: Final = {4: 0b11}
_SCOPES: Final = {6: 0b11}


def landlock_version() -> int:
    """Return the version of Landlock's interface.

    Raises:
        OSError: When this kernel has no Landlock, or it is off.
    """
    return call(_CREATE_RULESET, None, ctypes.c_size_t(0), _ASK_VERSION)


class FileRules:
    """Rules for children of this process, prepared once.

    Attributes:
        version: The version of Landlock's interface. TCP ports are refused from 4, signals to others from 6.

    Raises:
        OSError: When this kernel has no Landlock, or it is off.
    """

    def __init__(self) -> None:
        self.version = landlock_version()
        # Landlock refuses a structure longer than its own, unless the rest is zero.
        attributes = (_known(table, self.version) for table in (_FILE_ACCESS, _PORT_ACCESS, _SCOPES))
        self._attributes = struct.pack("=QQQ", *attributes)
        self._size = ctypes.c_size_t(len(self._attributes))

    def restrict(self, readable: Iterable[int]) -> int:
        """Refuse all file access except reading and reopening ``readable``; return Landlock's version.

        Raises:
            OSError: When Landlock refuses.
        """
        ruleset = call(_CREATE_RULESET, self._attributes, self._size, 0)
        try:
            for descriptor in readable:
                _allow_reading(ruleset, descriptor)
            call(_RESTRICT_SELF, ruleset, 0)
        finally:
            os.close(ruleset)
        return self.version


def _known(table: dict[int, int], version: int) -> int:
    return sum(bits for since, bits in table.items() if since <= version)


def _allow_reading(ruleset: int, descriptor: int) -> None:
    rule = struct.pack("=Qi", _READ_FILE, descriptor)
    try:
        call(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, rule, 0)
    except OSError as e:
        # Landlock accepts no rule for a file in memory, and does not restrict it.
        if e.errno != errno.EBADFD:
            raise
