"""What the fault tests of health have in common: probing, with the machine's own lateness taken off."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.test import Client

from designs.monitoring.health import checker
from tests.support.stack import wait_for

__all__ = ["DEADLINE_SECONDS", "Probes", "Usage", "answered_in_time", "endure", "recovers", "within"]

DEADLINE_SECONDS = 2.0
"""The default of `conf.health_deadline_seconds`."""

_ROOM_SECONDS = 0.3
_RECOVERY_SECONDS = 3.0
_PROBES = 500


class _Lateness:
    """How much later than asked for this machine woke a sleeper."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.is_set():
            began = time.monotonic()
            time.sleep(0.01)
            self.seconds += time.monotonic() - began - 0.01

    def end(self) -> None:
        self._ended.set()
        self._thread.join()


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fail when the block takes longer; what a loaded machine adds by itself does not count."""
    lateness, began = _Lateness(), time.monotonic()
    try:
        yield
    finally:
        taken = time.monotonic() - began
        lateness.end()
    assert taken <= seconds + lateness.seconds, f"took {taken:.2f} s of {seconds} s, {lateness.seconds:.2f} s late"


@dataclass(frozen=True)
class Usage:
    """What a process holds."""

    threads: list[str]
    files: int

    @classmethod
    def now(cls) -> Usage:
        gc.collect()
        assert checker.runner.wait(30)
        return cls(sorted(thread.name for thread in threading.enumerate()), len(os.listdir("/proc/self/fd")))  # noqa: PTH208

    def covers(self, later: Usage) -> bool:
        return later.files <= self.files and len(later.threads) <= len(self.threads)


@dataclass
class Probes:
    """Asks the detailed endpoint for one component."""

    component: str
    client: Client = field(default_factory=Client)

    def ask(self) -> tuple[int, str, str]:
        response = self.client.get("/api/health/detailed/", {"checks": self.component})
        check = response.json()["checks"][self.component]
        return response.status_code, check["status"], check["message"]

    def is_healthy(self) -> bool:
        return self.ask()[1] == "healthy"


def answered_in_time(probes: Probes) -> tuple[int, str, str]:
    """Return the answer of a cold probe; it must come within the deadline and 0.3 s."""
    checker.runner.reset()
    with within(DEADLINE_SECONDS + _ROOM_SECONDS):
        return probes.ask()


def recovers(probes: Probes, mend: Callable[[], Any]) -> None:
    """Mend what is broken and see it healthy within 3 s, with results kept as they always are."""
    mend()
    with within(_RECOVERY_SECONDS):
        wait_for(probes.is_healthy, 20)


def endure(probes: Probes) -> None:
    """Probe five hundred times."""
    for _ in range(_PROBES):
        probes.ask()
