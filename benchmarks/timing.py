"""Medians of single calls, measured in alternating rounds, so that a disturbance affects all contenders."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

__all__ = ["Measured", "alternate", "show"]

ROUNDS = 7


@dataclass(frozen=True)
class Measured:
    """Median and worst call of one contender, in microseconds."""

    name: str
    median_us: float
    worst_us: float


def alternate(contenders: Mapping[str, Callable[[], object]], calls: int) -> list[Measured]:
    """Time each contender ``calls`` times per round, in interleaved rounds; return medians of the round medians."""
    medians: dict[str, list[float]] = {name: [] for name in contenders}
    worst = dict.fromkeys(contenders, 0.0)
    for call in contenders.values():
        call()
    for _ in range(ROUNDS):
        for name, call in contenders.items():
            taken = [_microseconds(call) for _ in range(calls)]
            medians[name].append(statistics.median(taken))
            worst[name] = max(worst[name], *taken)
    return [Measured(name, statistics.median(medians[name]), worst[name]) for name in contenders]


def show(title: str, results: list[Measured], *, base: str | None = None) -> None:
    """Print a table; with a base, each median as a ratio to the base's."""
    print(f"\n{title}")
    reference = next((result.median_us for result in results if result.name == base), None)
    for result in results:
        ratio = f"  x {result.median_us / reference:.3f}" if reference else ""
        print(f"  {result.name:<52} median {result.median_us:>10.1f} us   worst {result.worst_us:>10.1f} us{ratio}")


def _microseconds(call: Callable[[], object]) -> float:
    began = time.perf_counter_ns()
    call()
    return (time.perf_counter_ns() - began) / 1000
