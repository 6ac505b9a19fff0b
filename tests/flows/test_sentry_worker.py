"""Every way a task can end in a real worker, and what Sentry hears of it: one event, or none."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from enginel.local.stack import LocalStack, Ports, free_port
from tests.support.canvas_samples import WORKFLOWS, Workflow
from tests.support.sentry_sink import SentrySink, sentry_sink
from tests.support.stack import RunningStack, manage, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

LIMITS = {"soft_time_limit": 0.2, "time_limit": 0.5}
LOST_SECONDS = 60.0

# row: task, arguments, options, type of the event. A task of its own each: what is one group passes the gate once.
ROWS: dict[str, tuple[str, tuple[Any, ...], dict[str, Any], str]] = {
    "SIGKILL": ("probe.end_process", ("SIGKILL",), {}, "WorkerLostError"),
    "SIGKILL, acks_late": ("probe.late_die", (), {}, "WorkerLostError"),
    "SIGKILL, retried": ("probe.lost_and_retried", (), {}, "WorkerLostError"),
    "exception": ("probe.fail", ("sentry",), {}, "ValueError"),
    "exception of ours": ("probe.fail_ours", (), {}, "GeometryProcessingError"),
    "recorded, then raised": ("probe.log_and_raise", (), {}, "KeyError"),
    "last retry": ("probe.retry", (), {}, "OSError"),
    "last autoretry": ("probe.autoretry", (), {}, "OSError"),
    "soft limit": ("probe.wait", (), {"soft_time_limit": 0.2}, "SoftTimeLimitExceeded"),
    "hard limit": ("probe.hang", (), LIMITS, "TimeLimitExceeded"),
    "unserialisable result": ("probe.unserialisable", (), {}, "EncodeError"),
    "unknown task": ("probe.unknown", (), {}, "NotRegistered"),
    "unpicklable exception": ("probe.unpicklable", (), {}, "Unpicklable"),
    "handles another task's failure, then fails": ("probe.handles_then_fails", (), {}, "KeyError"),
    "handles another task's failure, then fails alike": ("probe.handles_then_fails_alike", (), {}, "ValueError"),
    "raises from another task's failure": ("probe.wraps_call", (), {}, "LookupError"),
    "log line, then raised": ("probe.log_line_and_raise", (), {}, "Quoted"),
    "log line, then raised from": ("probe.log_line_and_raise_from", (), {}, "Quoted"),
    "passes another task's failure on": ("probe.passes_on", (), {}, "ValueError"),
}
KILLED = {"SIGKILL", "SIGKILL, acks_late", "SIGKILL, retried", "hard limit"}
SILENT: dict[str, str] = {
    "success": "probe.succeed",
    "Reject": "probe.reject",
    "Ignore": "probe.ignore",
    "retry that succeeds": "probe.retry_once",
    "handles another task's failure": "probe.handles_calls",
}


@pytest.fixture(scope="module")
def sink() -> Iterator[SentrySink]:
    with sentry_sink() as sink:
        yield sink


@pytest.fixture(scope="module")
def heard(sink: SentrySink, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """Send all rows, wait for what they must cause, stop everything; give the task ids and all that was heard."""
    env = {"ENGINEL_ENVIRONMENT": "test", "REDIS_URL": "", "DATABASE_URL": "", "SENTRY_DSN": sink.dsn}
    folder = Path(tmp_path_factory.mktemp("sentry-worker"))
    stack = LocalStack(folder, Ports(free_port(), free_port()), env, celery_app="tests.support.probe_tasks")
    ids = {row: uuid.uuid4().hex for row in [*ROWS, *SILENT]}
    try:
        stack.start_valkey()
        manage(stack, "migrate")
        token = manage(stack, "create_admin_token")
        stack.start_services()
        running = RunningStack(stack, token)
        for row, task in SILENT.items():
            running.send(task, task_id=ids[row])
        # A process that is killed takes along what it has not sent yet: those that kill theirs come last.
        for rows in (ROWS.keys() - KILLED, KILLED):
            for row in rows:
                task, args, options, _ = ROWS[row]
                running.send(task, *args, task_id=ids[row], **options)
            wait_for(lambda due=rows: {*map(task_id_of, sink.events())} >= {ids[row] for row in due}, LOST_SECONDS)
        running.marker()
    finally:
        # Whatever a process still holds leaves now.
        stack.stop()
    return ids, sink.events()


@pytest.fixture(scope="module")
def workflows(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[dict[str, Workflow], list[dict[str, Any]], list[dict[str, Any]]]:
    """Run all workflows; return them, all records and all events."""
    with sentry_sink() as sink:
        env = {"ENGINEL_ENVIRONMENT": "test", "REDIS_URL": "", "DATABASE_URL": "", "SENTRY_DSN": sink.dsn}
        folder = Path(tmp_path_factory.mktemp("sentry-workflows"))
        stack = LocalStack(folder, Ports(free_port(), free_port()), env, celery_app="tests.support.probe_tasks")
        try:
            stack.start_valkey()
            manage(stack, "migrate")
            running = RunningStack(stack, manage(stack, "create_admin_token"))
            stack.start_services()
            made = {name: Workflow(running.tasks) for name in WORKFLOWS}
            for name, make in WORKFLOWS.items():
                made[name].start(make)
            due = {ident for flow in made.values() for ident in flow.due}
            wait_for(lambda: {error["context"].get("task_id") for error in running.errors()} >= due, LOST_SECONDS)
            wait_for(lambda: {*map(task_id_of, sink.events())} >= due, LOST_SECONDS)
            running.marker()
            records = running.errors()
        finally:
            stack.stop()
        return made, records, sink.events()


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_fails_by_its_failed_tasks_only(
    workflows: tuple[dict[str, Workflow], list[dict[str, Any]], list[dict[str, Any]]], name: str
) -> None:
    made, _, events = workflows
    flow = made[name]

    heard = [
        (task_id_of(event), event["exception"]["values"][-1]["type"])
        for event in events
        if task_id_of(event) in flow.ids
    ]
    assert sorted(heard) == sorted(flow.due.items())


def test_no_workflow_has_other_records(
    workflows: tuple[dict[str, Workflow], list[dict[str, Any]], list[dict[str, Any]]],
) -> None:
    made, records, _ = workflows
    due = {ident: 1 for flow in made.values() for ident in flow.due}

    assert Counter(r["context"].get("task_id") for r in records if r["error_message"] != "marker") == due


def task_id_of(event: dict[str, Any]) -> str:
    # The SDK's own tag, in a pool process; in the main process there is no task.
    told = event["contexts"]["enginel"].get("context", {}).get("task_id")
    return str(told or event["tags"].get("celery_task_id"))


@pytest.mark.parametrize("row", ROWS)
def test_a_task_that_fails_is_one_event(heard: tuple[dict[str, str], list[dict[str, Any]]], row: str) -> None:
    ids, events = heard
    task, _, _, kind = ROWS[row]

    (event,) = [event for event in events if task_id_of(event) == ids[row]]
    assert event["exception"]["values"][-1]["type"] == kind
    assert event["tags"]["task"] == event["transaction"] == task
    assert event["contexts"]["enginel"]["occurrences"] == 1


@pytest.mark.parametrize("row", [*sorted(KILLED), "unknown task"])
def test_what_the_main_process_reports_carries_nothing_of_other_tasks(
    heard: tuple[dict[str, str], list[dict[str, Any]]], row: str
) -> None:
    ids, events = heard
    (event,) = [event for event in events if task_id_of(event) == ids[row]]

    assert event["breadcrumbs"]["values"] == []
    assert [other for other, task_id in ids.items() if task_id in json.dumps(event)] == [row]


def test_nothing_else_is_heard(heard: tuple[dict[str, str], list[dict[str, Any]]]) -> None:
    ids, events = heard

    assert Counter(map(task_id_of, events)) == Counter(ids[row] for row in ROWS)
