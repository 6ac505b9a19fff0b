"""Runner of health checks: single flight, a short result cache, and a deadline for callers.

Each check runs in its own thread, which ends with the check. A check that hangs occupies one thread, and no second
thread starts for it. Callers then get the result "did not answer in time", at once if the deadline has already passed.
The threads are daemons, so that a hung check does not prevent the process from ending; pool threads would.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout

from django.db import connections

from designs.monitoring.guard import guarded
from designs.monitoring.health.results import UNHEALTHY, Outcome

__all__ = ["Flight", "Runner"]

Probe = Callable[[], Outcome]


class Flight:
    """One run of a check, in progress or finished."""

    __slots__ = ("began_at", "ended_at", "future", "is_overdue", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.began_at = time.monotonic()
        self.ended_at: float | None = None
        self.is_overdue = False
        self.future: Future[Outcome] = Future()
        # From here on, one waiting caller cannot cancel the run for the others.
        self.future.set_running_or_notify_cancel()

    def is_fresh(self, seconds: float) -> bool:
        """Return whether the run is in progress, or ended less than so many seconds ago."""
        return self.ended_at is None or time.monotonic() < self.ended_at + seconds

    def remaining_seconds(self, deadline_seconds: float) -> float:
        return max(0.0, self.began_at + deadline_seconds - time.monotonic())

    def end(self, outcome: Outcome) -> None:
        self.ended_at = time.monotonic()
        self.future.set_result(outcome)


class Runner:
    """Runs probes by name.

    Args:
        note: Called with each new outcome, overdue ones included; must be fast.
        settle: Called in a thread of the runner after each ``note``; may be slow.
    """

    def __init__(self, note: Callable[[Outcome], None], settle: Callable[[], None]) -> None:
        self._note = note
        self._settle = settle
        self.reset()

    def reset(self) -> None:
        """Drop all results and runs in progress; in a forked child they belong to its parent."""
        self._lock = threading.RLock()
        self._flights: dict[str, Flight] = {}

    def begin(self, name: str, probe: Probe, keep_seconds: float) -> Flight:
        """Return the run in progress, else the last run while its outcome is cached, else a new run.

        Args:
            name: Name of the check.
            probe: Runs the check; must not raise.
            keep_seconds: How long an outcome is cached.
        """
        with self._lock:
            flight = self._flights.get(name)
            if flight is not None and flight.is_fresh(keep_seconds):
                return flight
            self._flights[name] = flight = Flight(name)
        if not self._spawn(f"enginel-health-{name}", lambda: self._run(flight, probe)):
            flight.end(Outcome(name, UNHEALTHY, "cannot be checked: no more threads"))
        return flight

    def outcome(self, flight: Flight, deadline_seconds: float) -> Outcome:
        """Return the outcome of a run; an unhealthy one if it is not done at the deadline, counted from its start."""
        try:
            return flight.future.result(flight.remaining_seconds(deadline_seconds))
        except FutureTimeout:
            return self._overdue(flight)

    def aside(self, work: Callable[[], None]) -> None:
        """Run a function in a background thread."""

        def guarded_work() -> None:
            with guarded("health_aside"):
                work()

        self._spawn("enginel-health-aside", guarded_work)

    def wait(self, seconds: float) -> bool:
        """Wait until no check thread runs; return whether that happened in time. For tests."""
        deadline = time.monotonic() + seconds
        while self.running():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.005)
        return True

    @staticmethod
    def running() -> list[str]:
        """Return the names of this process's check threads."""
        return [thread.name for thread in threading.enumerate() if thread.name.startswith("enginel-health")]

    @staticmethod
    def _spawn(name: str, work: Callable[[], None]) -> bool:
        try:
            threading.Thread(target=work, name=name, daemon=True).start()
        except RuntimeError:
            # No more threads can start, or the interpreter is shutting down.
            return False
        return True

    def _run(self, flight: Flight, probe: Probe) -> None:
        try:
            outcome = probe()
            with guarded("health_note"):
                self._note(outcome)
            flight.end(outcome)
        finally:
            if not flight.future.done():
                flight.end(Outcome(flight.name, UNHEALTHY, "cannot be checked"))
            connections.close_all()
        with guarded("health_settle"):
            self._settle()

    def _overdue(self, flight: Flight) -> Outcome:
        seconds = time.monotonic() - flight.began_at
        outcome = Outcome(flight.name, UNHEALTHY, "did not answer in time", seconds=seconds)
        with self._lock:
            is_first = not flight.is_overdue
            flight.is_overdue = True
        if is_first:
            with guarded("health_note"):
                self._note(outcome)
            self.aside(self._settle)
        return outcome
