"""The parts beyond this package that recording an error uses; `designs.monitoring.lifecycle` connects them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from designs.monitoring.errors.event import ErrorEvent
from designs.monitoring.errors.record_result import RecordResult
from designs.monitoring.fingerprint import Fingerprint

__all__ = ["Collaborators", "Forward", "collaborators", "configure"]

Forward = Callable[[BaseException | None, ErrorEvent, Fingerprint, RecordResult], None]
"""Sends an occurrence that passes the gate."""


def _forward_nothing(
    exc: BaseException | None, event: ErrorEvent, fingerprint: Fingerprint, result: RecordResult
) -> None:
    return


def _never() -> bool:
    return False


@dataclass
class Collaborators:
    """Functions of other packages; until `configure` is called nothing is forwarded.

    Attributes:
        forward: Sends an occurrence that passes the gate.
        forwards: Whether anything is sent at all: the counts of delivered occurrences depend on it.
        components_down: Names of the components that were unhealthy at the last check.
    """

    forward: Forward = _forward_nothing
    forwards: Callable[[], bool] = _never
    components_down: Callable[[], list[str]] = list


collaborators = Collaborators()


def configure(forward: Forward, forwards: Callable[[], bool], components_down: Callable[[], list[str]]) -> None:
    """Connect recording with sending and with the health checks, see `Collaborators`."""
    collaborators.forward = forward
    collaborators.forwards = forwards
    collaborators.components_down = components_down
