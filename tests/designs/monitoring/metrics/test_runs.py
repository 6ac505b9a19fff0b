"""What a task counts by hand grows under the name it gives; its run is in the totals once."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from designs.monitoring import MetricsCollector
from enginel.celery import app

_numbers = itertools.count()


def by_hand(name: str, status: str = "SUCCESS") -> None:
    MetricsCollector.track_celery_task(task_name=name, duration=0.5, status=status)


@pytest.fixture
def run() -> Iterator[Callable[..., str]]:
    """Run a function as an eager task and return the task's name."""
    names: list[str] = []

    def run(body: Callable[..., object], **options: Any) -> str:
        name = f"probe.by_hand_{next(_numbers)}"
        names.append(name)
        # Celery writes the name into source text.
        body.__name__ = "body"
        app.task(name=name, **options)(body).apply()
        return name

    yield run
    for name in names:
        app.tasks.unregister(name)


def counted() -> dict[str, Any]:
    found = MetricsCollector.get_metrics().items()
    return {name: number for name, number in found if name.startswith("celery_task") and number}


def totals(**states: int) -> dict[str, int]:
    return {"celery_task_total": sum(states.values()), **{f"celery_task_{state}": n for state, n in states.items()}}


def of(name: str, **states: int) -> dict[str, int]:
    outcomes = {f"celery_task_{name}_{state}": number for state, number in states.items()}
    return {f"celery_task_{name}": sum(states.values()), **outcomes}


def test_a_run_counted_by_hand_under_another_name_is_in_the_totals_once(run: Any) -> None:
    task = run(lambda: by_hand("custom_processing"))

    assert counted() == {**totals(SUCCESS=1), **of(task, SUCCESS=1), **of("custom_processing", SUCCESS=1)}


def test_a_failed_run_likewise(run: Any) -> None:
    def body() -> None:
        by_hand("custom_processing", "FAILED")
        raise ValueError

    task = run(body)

    assert counted() == {**totals(FAILED=1), **of(task, FAILED=1), **of("custom_processing", FAILED=1)}


def test_a_run_that_is_tried_again_likewise(run: Any) -> None:
    def body(self: Any) -> None:
        if self.request.retries:
            by_hand("custom_processing")
            return
        by_hand("custom_processing", "FAILED")
        raise self.retry(countdown=0)

    task = run(body, bind=True, max_retries=1)

    outcomes = of("custom_processing", FAILED=1, SUCCESS=1)
    assert counted() == {**totals(RETRY=1, SUCCESS=1), **of(task, RETRY=1, SUCCESS=1), **outcomes}


def test_a_run_counted_by_hand_several_times_is_in_the_totals_once(run: Any) -> None:
    def body() -> None:
        by_hand("first_half")
        by_hand("second_half")
        by_hand("second_half")

    task = run(body)

    expected = {**totals(SUCCESS=1), **of(task, SUCCESS=1), **of("first_half", SUCCESS=1)}
    assert counted() == {**expected, **of("second_half", SUCCESS=2)}


@pytest.mark.parametrize("status", ["SUCCESS", "FAILED"])
def test_a_run_counted_by_hand_under_its_own_name_is_counted_once_as_it_ended(run: Any, status: str) -> None:
    def body(self: Any) -> None:
        by_hand(self.name, status)
        by_hand(self.name, status)

    task = run(body, bind=True)

    assert counted() == {**totals(SUCCESS=1), **of(task, SUCCESS=1)}


def test_a_thread_of_a_task_counts_within_its_run(run: Any) -> None:
    def body() -> None:
        thread = threading.Thread(target=by_hand, args=("custom_processing",))
        thread.start()
        thread.join()

    task = run(body)

    assert counted() == {**totals(SUCCESS=1), **of(task, SUCCESS=1), **of("custom_processing", SUCCESS=1)}


def test_a_task_within_a_task_is_a_run_of_its_own(run: Any) -> None:
    inner: list[str] = []

    def body() -> None:
        inner.append(run(lambda: by_hand("inner")))
        by_hand("outer")

    task = run(body)

    expected = {**totals(SUCCESS=2), **of(task, SUCCESS=1), **of(inner[0], SUCCESS=1)}
    assert counted() == {**expected, **of("inner", SUCCESS=1), **of("outer", SUCCESS=1)}


def test_outside_of_any_task_the_totals_grow_too(run: Any) -> None:
    task = run(lambda: None)
    by_hand("custom_processing")
    by_hand("custom_processing", "FAILURE")

    expected = {**totals(SUCCESS=2, FAILED=1), **of(task, SUCCESS=1)}
    assert counted() == {**expected, **of("custom_processing", SUCCESS=1, FAILED=1)}
