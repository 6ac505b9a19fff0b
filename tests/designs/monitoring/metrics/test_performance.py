"""Whatever is timed behaves as before, and its statistics tell what it did."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from django.test import override_settings

from designs.monitoring import MetricsCollector, PerformanceMonitor
from designs.monitoring.metrics import performance
from tests.support.outage import REFUSED_URL

track = PerformanceMonitor.track_duration


def stats(operation: str = "op") -> dict[str, Any]:
    return PerformanceMonitor.get_operation_stats(operation)


def outcome() -> tuple[int, int]:
    found = stats()
    return found["count"], found["error_count"]


@track("op")
def add(left: int, right: int = 2) -> int:
    """Add."""
    if right < 0:
        raise ValueError(right)
    return left + right


class Account:
    @track("op")
    def total(self) -> int:
        return id(self)

    @classmethod
    @track("op")
    def name(cls) -> str:
        return cls.__name__


def test_a_function_keeps_its_name_signature_and_result() -> None:
    assert add(1) == 3
    assert (add.__name__, add.__doc__) == ("add", "Add.")
    assert str(inspect.signature(add)) == "(left: 'int', right: 'int' = 2) -> 'int'"
    assert outcome() == (1, 0)


def test_what_it_raises_goes_on_its_way_and_counts_as_an_error() -> None:
    with pytest.raises(ValueError, match="-1"):
        add(1, -1)
    add(1)

    assert outcome() == (2, 1)
    assert stats()["error_rate"] == 0.5


def test_methods_are_timed() -> None:
    account = Account()

    assert (account.total(), Account.name()) == (id(account), "Account")
    assert outcome() == (2, 0)


def test_a_coroutine_is_timed_while_it_waits() -> None:
    @track("op")
    async def wait(fail: bool) -> int:
        await asyncio.sleep(0.01)
        if fail:
            raise KeyError
        return 7

    assert inspect.iscoroutinefunction(wait)
    assert asyncio.run(wait(False)) == 7
    with pytest.raises(KeyError):
        asyncio.run(wait(True))
    assert outcome() == (2, 1)
    assert stats()["min_duration"] >= 0.01


def test_a_generator_is_timed_to_its_end_and_takes_what_is_sent() -> None:
    @track("op")
    def echo() -> Iterator[Any]:
        got = yield "ready"
        yield got

    generator: Any = echo()
    assert outcome() == (0, 0)
    assert (next(generator), generator.send(5)) == ("ready", 5)
    assert outcome() == (0, 0)
    assert list(generator) == []
    assert outcome() == (1, 0)


def test_a_generator_left_early_is_no_error() -> None:
    @track("op")
    def numbers() -> Iterator[int]:
        yield from range(10)

    generator: Any = numbers()
    next(generator)
    generator.close()

    assert outcome() == (1, 0)


def test_an_async_generator_is_timed_to_its_end() -> None:
    @track("op")
    async def numbers(fail: bool) -> AsyncIterator[int]:
        yield 1
        if fail:
            raise KeyError
        yield 2

    async def collect(fail: bool) -> list[int]:
        return [number async for number in numbers(fail)]

    assert asyncio.run(collect(False)) == [1, 2]
    with pytest.raises(KeyError):
        asyncio.run(collect(True))
    assert outcome() == (2, 1)


def test_an_async_generator_handles_what_is_thrown_into_it() -> None:
    handled: list[str] = []

    @asynccontextmanager
    @track("op")
    async def resource() -> AsyncIterator[int]:
        try:
            yield 1
        except KeyError:
            handled.append("by the generator")

    async def use() -> None:
        async with resource():
            raise KeyError

    asyncio.run(use())

    assert handled == ["by the generator"]
    assert outcome() == (1, 0)


def test_a_block_is_timed_and_blocks_nest() -> None:
    timer = track("op")
    with timer, timer:
        pass
    with pytest.raises(KeyError), timer:
        raise KeyError

    assert outcome() == (3, 1)


def test_statistics_of_durations_somebody_else_measured() -> None:
    for seconds in (1.0, 2.0, 3.0):
        PerformanceMonitor._record_duration("op", seconds, seconds == 3.0)

    found = stats()
    assert (found["count"], found["total_duration"], found["avg_duration"]) == (3, 6.0, 2.0)
    assert (found["min_duration"], found["max_duration"], found["error_count"]) == (1.0, 3.0, 1)
    assert found["p50"] == pytest.approx(2.0, rel=0.011)
    assert found["p99"] == pytest.approx(3.0, rel=0.011)
    assert PerformanceMonitor.get_all_operation_stats()["op"]["count"] == 3


def test_what_never_ran_has_zeros_and_no_percentiles() -> None:
    found = stats("never")

    assert (found["count"], found["error_rate"], found["p95"]) == (0, 0.0, None)


@pytest.mark.parametrize(
    ("operation", "seconds", "is_slow"),
    [
        ("geometry_extraction", 29.9, False),
        ("geometry_extraction", 30, True),
        ("upload", 59, False),
        ("upload", 60, True),
        ("api_request", 5, True),
        ("anything", 29, False),
        ("anything", 31, True),
    ],
)
def test_a_slow_operation_is_one_warning_and_one_count(
    operation: str, seconds: float, is_slow: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="enginel.performance"):
        PerformanceMonitor._record_duration(operation, seconds, error_occurred=False)

    assert len(caplog.records) == int(is_slow)
    assert PerformanceMonitor.get_all_operation_stats()[operation]["slow"] == int(is_slow)


@override_settings(ENGINEL_SLOW_SECONDS={"anything": 1})
def test_thresholds_are_settings(caplog: pytest.LogCaptureFixture) -> None:
    PerformanceMonitor._record_duration("anything", 1.5, error_occurred=False)

    assert [record.getMessage() for record in caplog.records] == ["anything took 1.5 s"]


@override_settings(REDIS_URL=REFUSED_URL)
def test_without_redis_what_is_timed_goes_on() -> None:
    assert add(1) == 3
    assert outcome() == (0, 0)
    assert list(MetricsCollector.get_metrics()) == ["timestamp"]


def test_a_failure_of_the_measuring_reaches_nobody(monkeypatch: pytest.MonkeyPatch, allow_swallowed: None) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(performance, "_record", broken)

    assert add(1) == 3


def test_tasks_are_told_by_name_with_how_they_ended() -> None:
    for state, seconds in [("SUCCESS", 0.1), ("FAILED", 0.3), ("FAILED", 0.2)]:
        MetricsCollector.track_task("designs.tasks.scan", state, seconds)

    (stats,) = PerformanceMonitor.get_task_stats().values()

    assert (stats["success"], stats["failed"], stats["retry"]) == (1, 2, 0)
    assert (stats["count"], stats["error_count"], stats["max_duration"]) == (3, 2, 0.3)
    assert stats["error_rate"] == pytest.approx(2 / 3)
