"""PerformanceMonitor: durations, failures and slow runs of operations."""

from __future__ import annotations

import inspect
import logging
from collections.abc import AsyncGenerator, Callable, Generator
from functools import wraps
from time import perf_counter
from types import TracebackType
from typing import Any, TypeVar, cast

from designs.conf import conf
from designs.monitoring.guard import guarded
from designs.monitoring.metrics.buckets import merged
from designs.monitoring.metrics.collector import Families, duration_of, families_now, stats_of
from designs.monitoring.metrics.flusher import registry
from designs.monitoring.metrics.registry import OVERFLOW, Timed, label_of
from designs.monitoring.withheld import is_withheld, said_in_own_words

__all__ = ["PerformanceMonitor", "operations_of", "requests_of", "tasks_of"]

logger = logging.getLogger("enginel.performance")

F = TypeVar("F", bound=Callable[..., Any])

_STATES = ("SUCCESS", "FAILED", "RETRY")
_known = registry.operations


class PerformanceMonitor:
    """Times operations and reads their statistics back. Never raises errors of its own."""

    @staticmethod
    def track_duration(operation: str) -> _Tracked:
        """Time an operation, as a decorator of a function, method, coroutine or generator, or as a context manager.

        An exception counts as an error and propagates. A generator is timed from its first value to its end. An object
        used as a context manager belongs to one thread or coroutine at a time.

        Args:
            operation: Name of the operation.
        """
        return _Tracked(operation)

    @staticmethod
    def _record_duration(operation: str, seconds: float, error_occurred: bool = False) -> None:
        """Record an operation whose duration was measured elsewhere."""
        with guarded("_record_duration"):
            operation = said_in_own_words(operation) if is_withheld() else operation
            _record(operation, duration_of(seconds), failed=bool(error_occurred))

    @staticmethod
    def report_slow(operation: str, seconds: float) -> None:
        """Log one WARNING line for a slow operation, and count it."""
        with guarded("report_slow"):
            # A name that was recorded before comes from the program, not from a design.
            operation = operation if operation in _known or not is_withheld() else said_in_own_words(operation)
            registry.count("slow", (operation,), 1)
            logger.warning(
                "%s took %.1f s", operation, seconds, extra={"operation": operation, "duration_s": round(seconds, 3)}
            )

    @staticmethod
    def get_operation_stats(operation: str) -> dict[str, Any]:
        """Return an operation's statistics of all processes, including the runs of this one.

        Returns:
            ``count``, ``error_count``, ``error_rate`` (0 to 1), and in seconds ``total_duration``, ``avg_duration``,
            ``max_duration``, ``min_duration``, and ``p50``, ``p95``, ``p99`` (None when nothing ran).
        """
        with guarded("get_operation_stats"):
            return stats_of(families_now().histograms.get("operations", {}).get((label_of(operation),)))
        return stats_of(None)

    @staticmethod
    def get_all_operation_stats() -> dict[str, dict[str, Any]]:
        """Return the statistics of all operations of the last hour, by name, with ``slow``: runs over the threshold."""
        with guarded("get_all_operation_stats"):
            return operations_of(families_now())
        return {}

    @staticmethod
    def get_request_stats() -> dict[str, dict[str, Any]]:
        """Return the statistics of requests by ``METHOD route``; responses from 500 on count as errors."""
        with guarded("get_request_stats"):
            return requests_of(families_now())
        return {}

    @staticmethod
    def get_task_stats() -> dict[str, dict[str, Any]]:
        """Return the statistics of tasks by name; ``success``, ``failed`` and ``retry`` count the attempts by state.

        Durations cover all attempts; failed attempts count as errors.
        """
        with guarded("get_task_stats"):
            return tasks_of(families_now())
        return {}


def operations_of(families: Families) -> dict[str, dict[str, Any]]:
    """Return the statistics of operations by name."""
    slow = families.counters.get("slow", {})
    operations = families.histograms.get("operations", {})
    return {name: {**stats_of(one), "slow": slow.get((name,), 0)} for (name,), one in sorted(operations.items())}


def requests_of(families: Families) -> dict[str, dict[str, Any]]:
    """Return the statistics of requests by ``METHOD route``."""
    return {name: stats_of(one) for name, one in sorted(_by_route(families).items())}


def tasks_of(families: Families) -> dict[str, dict[str, Any]]:
    """Return the statistics of tasks by name."""
    states: dict[str, dict[str, Any]] = {}
    histograms = families.histograms
    for family in ("tasks", "tracked_tasks"):
        for (task, state), series in histograms.get(family, {}).items():
            known = states.setdefault(task, {})
            known[state] = merged([known[state], series]) if state in known else series
    found: dict[str, dict[str, Any]] = {}
    for task, by_state in sorted(states.items()):
        together = merged(by_state.values())
        together.errors = by_state["FAILED"].count if "FAILED" in by_state else 0
        ended = {name.lower(): by_state[name].count if name in by_state else 0 for name in _STATES}
        found[task] = {**stats_of(together), **ended}
    return found


def _by_route(families: Families) -> dict[str, Any]:
    from_500: dict[str, int] = {}
    together: dict[str, list[Any]] = {}
    for (method, route, status), series in families.histograms.get("requests", {}).items():
        name = f"{method} {route}"
        together.setdefault(name, []).append(series)
        if status >= "500":
            from_500[name] = from_500.get(name, 0) + series.count
    found = {name: merged(several) for name, several in together.items()}
    for name, errors in from_500.items():
        found[name].errors = errors
    return found


class _Tracked:
    """Decorator and context manager, see `PerformanceMonitor.track_duration`."""

    def __init__(self, operation: str) -> None:
        # A name created during work on a controlled design may contain its data.
        self.operation = said_in_own_words(operation) if is_withheld() else operation
        self._began: list[float] = []

    def __enter__(self) -> None:
        self._began.append(perf_counter())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _finish(self.operation, self._began.pop(), failed=isinstance(error, Exception))

    def __call__(self, function: F) -> F:
        if inspect.isasyncgenfunction(function):
            wrapper: Any = self._of_async_generator(function)
        elif inspect.iscoroutinefunction(function):
            wrapper = self._of_coroutine(function)
        elif inspect.isgeneratorfunction(function):
            wrapper = self._of_generator(function)
        else:
            wrapper = self._of_function(function)
        return cast("F", wraps(function)(wrapper))

    def _of_function(self, function: Callable[..., Any]) -> Callable[..., Any]:
        operation = self.operation

        def timed(*args: Any, **kwargs: Any) -> Any:
            began = perf_counter()
            try:
                result = function(*args, **kwargs)
            except BaseException as error:
                _finish(operation, began, failed=isinstance(error, Exception))
                raise
            _finish(operation, began, failed=False)
            return result

        return timed

    def _of_coroutine(self, function: Callable[..., Any]) -> Callable[..., Any]:
        operation = self.operation

        async def timed(*args: Any, **kwargs: Any) -> Any:
            began = perf_counter()
            try:
                result = await function(*args, **kwargs)
            except BaseException as error:
                _finish(operation, began, failed=isinstance(error, Exception))
                raise
            _finish(operation, began, failed=False)
            return result

        return timed

    def _of_generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        operation = self.operation

        def timed(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            began = perf_counter()
            try:
                result = yield from function(*args, **kwargs)
            except BaseException as error:
                _finish(operation, began, failed=isinstance(error, Exception))
                raise
            _finish(operation, began, failed=False)
            return result

        return timed

    def _of_async_generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        operation = self.operation

        async def timed(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
            began = perf_counter()
            generator = function(*args, **kwargs)
            try:
                value = await generator.asend(None)
                while True:
                    try:
                        sent = yield value
                    except GeneratorExit:
                        raise
                    except BaseException as error:  # noqa: BLE001 - the generator handles it
                        value = await generator.athrow(error)
                    else:
                        value = await generator.asend(sent)
            except StopAsyncIteration:
                pass
            except BaseException as error:
                _finish(operation, began, failed=isinstance(error, Exception))
                raise
            finally:
                await generator.aclose()
            _finish(operation, began, failed=False)

        return timed


def _finish(operation: str, began: float, *, failed: bool) -> None:
    seconds = perf_counter() - began
    try:
        _record(operation, seconds, failed=failed)
    except Exception as error:  # noqa: BLE001 - measuring must not break the measured code
        guarded("track_duration").__exit__(type(error), error, error.__traceback__)


def _record(operation: str, seconds: float, *, failed: bool) -> None:
    timed = _known.get(operation)
    if timed is None:
        timed = _operation(operation)
    if failed:
        timed.failures.append(None)
    timed.add(seconds)
    if seconds >= _QUICK_SECONDS and seconds >= _slow_from(operation):
        PerformanceMonitor.report_slow(operation, seconds)


# Shorter runs are never slow, so their threshold is not looked up.
_QUICK_SECONDS = 0.5


def _slow_from(operation: str) -> float:
    thresholds = conf.slow_seconds
    return thresholds.get(operation, thresholds[""])


def _operation(operation: str) -> Timed:
    timed = registry.series("operations", (operation,))
    if timed.labels[0] != OVERFLOW:
        _known[operation] = timed
    return timed
