"""Entering the sandbox: each mechanism that Linux allows, the weaker ones only where a stronger one is missing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final, TypeVar

from designs.cad.sandbox.landlock import FileRules
from designs.cad.sandbox.linux import drop_capabilities, end_with_parent, forbid_dumps, forbid_new_privileges, unshare
from designs.cad.sandbox.report import LANDLOCK, NETWORK_NAMESPACE, SECCOMP, USER_NAMESPACE, SandboxReport
from designs.cad.sandbox.seccomp import CallFilter

__all__ = ["Sandbox", "WeakerSandbox"]

_CAPABILITIES: Final = "capabilities"
_T = TypeVar("_T")


class WeakerSandbox(Exception):
    """Linux refuses a mechanism that it allowed in the trial."""


class Sandbox:
    """A sandbox for children of this process, made once because each of them is to start fast.

    Making it takes all environment variables and the gain of privileges by set-user-id programs from this process.
    """

    def __init__(self) -> None:
        os.environ.clear()
        forbid_new_privileges()
        self._accepted: frozenset[str] | None = None
        self._rules = _made(FileRules)
        self._filter = _made(CallFilter)

    def accept(self, not_prevented: Iterable[str]) -> None:
        """Have `enter` fail from now on where it prevents less than this, which a trial has found possible."""
        self._accepted = frozenset(not_prevented)

    def enter(self, readable: Iterable[int]) -> SandboxReport:
        """Keep this process from everything but computing, its open descriptors, and reading ``readable`` again.

        Needs a process of one thread. Cannot be undone. Limits of resources must be set before.

        Raises:
            WeakerSandbox: When this prevents less than was found possible before.
        """
        report = SandboxReport()
        landlocked = report.attempt(LANDLOCK, partial(self._restrict_files, readable))
        if not landlocked or isinstance(self._filter, OSError):
            self._unshare(report)
        report.attempt(_CAPABILITIES, drop_capabilities)
        # A new user namespace resets both.
        end_with_parent()
        forbid_dumps()
        # Last: the filter allows nothing of the above.
        report.attempt(SECCOMP, self._restrict_calls)
        if self._accepted is not None and not self._accepted.issuperset(report.not_prevented()):
            raise WeakerSandbox
        return report

    def _unshare(self, report: SandboxReport) -> None:
        """Use a user namespace in the place of Landlock, and a network namespace, slow to make, in that of seccomp."""
        network = isinstance(self._filter, OSError)
        mechanism = NETWORK_NAMESPACE if network else USER_NAMESPACE
        if report.attempt(mechanism, partial(unshare, network=network)):
            report.mechanisms[USER_NAMESPACE] = 1

    def _restrict_files(self, readable: Iterable[int]) -> int:
        if isinstance(self._rules, OSError):
            raise self._rules
        return self._rules.restrict(readable)

    def _restrict_calls(self) -> None:
        if isinstance(self._filter, OSError):
            raise self._filter
        self._filter.install()


def _made(mechanism: Callable[[], _T]) -> _T | OSError:
    try:
        return mechanism()
    except OSError as e:
        return e
