"""Entering the sandbox: all mechanisms that Linux allows, weaker ones only in place of a missing stronger one."""

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
    """Linux refused a mechanism that it allowed in the trial."""


class Sandbox:
    """A sandbox for children of this process, prepared once so that each child starts fast.

    The constructor removes all environment variables of this process and disables set-user-id programs for it.
    """

    def __init__(self) -> None:
        os.environ.clear()
        forbid_new_privileges()
        self._accepted: frozenset[str] | None = None
        self._rules = _made(FileRules)
        self._filter = _made(CallFilter)

    def accept(self, not_prevented: Iterable[str]) -> None:
        """Make `enter` fail from now on if it prevents less than the trial did."""
        self._accepted = frozenset(not_prevented)

    def enter(self, readable: Iterable[int]) -> SandboxReport:
        """Restrict this process to computing, its open descriptors, and reopening ``readable`` for reading.

        Requires a process of one thread. Cannot be undone. Resource limits must be set before.

        Raises:
            WeakerSandbox: When this prevents less than the trial did.
        """
        report = SandboxReport()
        landlocked = report.attempt(LANDLOCK, partial(self._restrict_files, readable))
        if not landlocked or isinstance(self._filter, OSError):
            self._unshare(report)
        report.attempt(_CAPABILITIES, drop_capabilities)
        # A new user namespace resets both.
        end_with_parent()
        forbid_dumps()
        # Last: the filter forbids all calls above.
        report.attempt(SECCOMP, self._restrict_calls)
        if self._accepted is not None and not self._accepted.issuperset(report.not_prevented()):
            raise WeakerSandbox
        return report

    def _unshare(self, report: SandboxReport) -> None:
        """Replace a missing Landlock by a user namespace, a missing seccomp by a network namespace, which is slow."""
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
