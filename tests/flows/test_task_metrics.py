"""What a real worker counts of its tasks: runs once, and as waiting only the time since a task was due."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.stack import RunningStack, wait_for

pytestmark = pytest.mark.timeout(90)

DELAY_SECONDS = 3.0


def metrics(running: RunningStack) -> dict[str, float]:
    answer = running.http.request("GET", f"{running.stack.url}/metrics", timeout=10)
    lines = (line for line in answer.data.decode().splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def waited(running: RunningStack, task: str, attempts: int) -> float:
    """Return the sum of the waits of a task's attempts once all were counted."""
    name = f'enginel_task_queue_seconds_%s{{task="{task}"}}'
    found = wait_for(lambda: (page := metrics(running)).get(name % "count", 0) >= attempts and page, 40)
    assert found[name % "count"] == attempts
    return found[name % "sum"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "args", "options", "attempts"),
    [
        ("probe.delayed", (), {"countdown": DELAY_SECONDS}, 1),
        ("probe.delayed_retry", (DELAY_SECONDS,), {}, 2),
        ("probe.delayed_autoretry", (), {}, 2),
    ],
)
def test_a_delay_that_was_asked_for_is_no_wait(
    running: RunningStack, task: str, args: Any, options: Any, attempts: int
) -> None:
    running.marker()
    running.send(task, *args, **options)

    assert waited(running, task, attempts) < DELAY_SECONDS - 1


@pytest.mark.slow
def test_the_turn_of_a_task_with_a_rate_limit_is_no_wait(running: RunningStack) -> None:
    running.marker()
    for _ in range(3):
        running.send("probe.limited")

    assert waited(running, "probe.limited", 3) < DELAY_SECONDS - 1


@pytest.mark.slow
def test_the_time_at_a_worker_that_lost_a_task_is_no_wait(running: RunningStack, tmp_path: Path) -> None:
    running.marker()
    running.send("probe.late_die_slowly_once", str(tmp_path / "died"), DELAY_SECONDS)

    assert waited(running, "probe.late_die_slowly_once", 1) < DELAY_SECONDS - 1


@pytest.mark.parametrize(("fails", "state"), [(False, "SUCCESS"), (True, "FAILED")])
def test_a_run_that_counts_itself_under_another_name_is_in_the_totals_once(
    running: RunningStack, fails: bool, state: str
) -> None:
    by_hand, own = f"celery_task_custom_processing_{state}", f"celery_task_probe_custom_processing_task_{state}"
    # Other tests of this stack may run a task that counts itself alike.
    before = metrics(running)

    running.send("probe.custom_processing_task", kwargs={"fails": fails})

    found = wait_for(lambda: (page := metrics(running)).get(own, 0) > before.get(own, 0) and page)
    assert [found[name] - before.get(name, 0) for name in (by_hand, own)] == [1, 1]
    runs = {name: value for name, value in found.items() if name.startswith("enginel_tasks_total{")}
    assert runs[f'enginel_tasks_total{{task="probe.custom_processing_task",state="{state}"}}'] == 1
    assert not [name for name in runs if 'task="custom_processing"' in name]
    assert found["celery_task_total"] == sum(runs.values())
    assert found[f"celery_task_{state}"] == sum(value for name, value in runs.items() if f'"{state}"' in name)
