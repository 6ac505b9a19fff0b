"""Report of what a sandbox prevents, given the mechanisms that Linux and the container allow."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from designs.cad.sandbox.landlock import landlock_version
from designs.cad.sandbox.seccomp import supports_seccomp

__all__ = ["LANDLOCK", "NETWORK_NAMESPACE", "SECCOMP", "USER_NAMESPACE", "SandboxReport", "available_mechanisms"]

LANDLOCK: Final = "landlock"
SECCOMP: Final = "seccomp"
USER_NAMESPACE: Final = "user_namespace"
NETWORK_NAMESPACE: Final = "network_namespace"

_LANDLOCK_TRUNCATE: Final = 3

# Forbidden action -> mechanisms, any one of which prevents it, with the minimum version.
_PREVENTED_BY: Final = {
    "use the network": {SECCOMP: 1, NETWORK_NAMESPACE: 1},
    "use local sockets": {SECCOMP: 1},
    "start programs": {SECCOMP: 1, LANDLOCK: 1},
    "write files": {SECCOMP: 1, LANDLOCK: _LANDLOCK_TRUNCATE},
    "change the attributes of files": {SECCOMP: 1},
    "signal or limit other processes": {SECCOMP: 1},
    "read other files": {LANDLOCK: 1},
    "read the environment and memory of other processes": {LANDLOCK: 1, USER_NAMESPACE: 1},
}


@dataclass(slots=True)
class SandboxReport:
    """Sandbox state of a process.

    Attributes:
        mechanisms: Name of each mechanism in force -> its version, 1 if it has no versions.
        refused: Mechanisms that were tried and are not in force, with the name of Linux's error.
    """

    mechanisms: dict[str, int] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)

    def attempt(self, mechanism: str, start: Callable[[], int | None]) -> bool:
        """Start a mechanism and record the result; return whether it is in force."""
        try:
            self.mechanisms[mechanism] = start() or 1
        except OSError as e:
            self.refused[mechanism] = errno.errorcode.get(e.errno or 0, "unknown")
            return False
        return True

    def not_prevented(self) -> list[str]:
        """Return the actions still possible if a file takes over the process."""
        return [
            act
            for act, enough in _PREVENTED_BY.items()
            if not any(self.mechanisms.get(name, 0) >= version for name, version in enough.items())
        ]

    def as_message(self) -> dict[str, Any]:
        """Return the report for the wire and for a log line."""
        return {"mechanisms": self.mechanisms, "refused": self.refused, "not_prevented": self.not_prevented()}


def available_mechanisms() -> SandboxReport:
    """Return whether Linux offers Landlock and seccomp, without starting either.

    Namespaces are not included: only creating one shows whether they are allowed.
    """
    report = SandboxReport()
    report.attempt(LANDLOCK, landlock_version)
    report.attempt(SECCOMP, supports_seccomp)
    return report
