"""What a sandbox keeps out, by the mechanisms that Linux and the container allow."""

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

# What a file must not make the process do, and the mechanisms of which one is enough, with the version it takes.
_KEPT_FROM: Final = {
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
    """What holds for a process.

    Attributes:
        mechanisms: Names of what is in force, with the version where there are several, else 1.
        refused: Mechanisms that were tried and are not in force, with the name of Linux's error.
    """

    mechanisms: dict[str, int] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)

    def attempt(self, mechanism: str, start: Callable[[], int | None]) -> bool:
        """Start a mechanism and note how that went; return whether it is in force."""
        try:
            self.mechanisms[mechanism] = start() or 1
        except OSError as e:
            self.refused[mechanism] = errno.errorcode.get(e.errno or 0, "unknown")
            return False
        return True

    def not_prevented(self) -> list[str]:
        """Return what the process could still do if a file took it over."""
        return [
            act
            for act, enough in _KEPT_FROM.items()
            if not any(self.mechanisms.get(name, 0) >= version for name, version in enough.items())
        ]

    def as_message(self) -> dict[str, Any]:
        """Return the report for the wire and for a log line."""
        return {"mechanisms": self.mechanisms, "refused": self.refused, "not_prevented": self.not_prevented()}


def available_mechanisms() -> SandboxReport:
    """Ask Linux for Landlock and seccomp, without starting either.

    Namespaces are left out: whether they are allowed shows only when one is made.
    """
    report = SandboxReport()
    report.attempt(LANDLOCK, landlock_version)
    report.attempt(SECCOMP, supports_seccomp)
    return report
