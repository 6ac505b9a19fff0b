"""Every way a task can end in a real worker, and what is recorded of it: one occurrence, or none."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from celery import Celery

from designs import context
from tests.support.canvas_samples import WORKFLOWS, Workflow
from tests.support.stack import RunningStack, wait_for

pytestmark = pytest.mark.timeout(90)

CARRIED = {
    "request_id": "request-of-matrix",
    "user_id": "42",
    "path": "/api/designs/1/finalize/",
    "method": "POST",
}
LOST = "WorkerLostError"
# Two lost attempts are noticed in ten seconds of a machine at rest.
LOST_SECONDS = 45.0
PAST = datetime(2020, 1, 1, tzinfo=UTC)
# The worker starts the clock of the hard limit when that of the soft one has run out.
# It must find the task in its body, on a loaded machine too.
LIMITS = {"soft_time_limit": 1.0, "time_limit": 1.5}

# row: task, arguments, options, state in Celery, recorded type or None
Row = tuple[str, tuple[Any, ...], dict[str, Any], str, str | None]
SENT: dict[str, Row] = {
    "killed by SIGKILL": ("probe.end_process", ("SIGKILL",), {}, "FAILURE", LOST),
    "killed by SIGSEGV": ("probe.end_process", ("SIGSEGV",), {}, "FAILURE", LOST),
    "os._exit": ("probe.end_process", ("os._exit",), {}, "FAILURE", LOST),
    "SystemExit": ("probe.end_process", ("SystemExit",), {}, "FAILURE", LOST),
    "acks_late, SIGKILL": ("probe.late_die", (), {}, "FAILURE", LOST),
    "acks_late, reject_on_worker_lost": ("probe.late_die_once", ("FLAG",), {}, "SUCCESS", None),
    "retry_on_worker_lost": ("probe.lost_and_retried", (), {}, "FAILURE", LOST),
    "success": ("probe.succeed", (), {}, "SUCCESS", None),
    "exception": ("probe.fail", ("matrix",), {}, "FAILURE", "ValueError"),
    "exception of ours": ("probe.fail_ours", (), {}, "FAILURE", "GeometryProcessingError"),
    "acks_late, exception": ("probe.late_fail", (), {}, "FAILURE", "ValueError"),
    "retry until it fails": ("probe.retry", (), {}, "FAILURE", "OSError"),
    "handles another task's failure": ("probe.handles_calls", (), {}, "SUCCESS", None),
    "handles another task's failure, then fails": ("probe.handles_then_fails", (), {}, "FAILURE", "KeyError"),
    "raises from another task's failure": ("probe.wraps_call", (), {}, "FAILURE", "LookupError"),
    "passes another task's failure on": ("probe.passes_on", (), {}, "FAILURE", "ValueError"),
    "log line, then raised": ("probe.log_line_and_raise", (), {}, "FAILURE", "Quoted"),
    "log line, then raised from": ("probe.log_line_and_raise_from", (), {}, "FAILURE", "LookupError"),
    "unpicklable exception": ("probe.unpicklable", (), {}, "FAILURE", "Unpicklable"),
    "retry until it succeeds": ("probe.retry_once", (), {}, "SUCCESS", None),
    "autoretry until it fails": ("probe.autoretry", (), {}, "FAILURE", "OSError"),
    "soft limit": ("probe.wait", (), {"soft_time_limit": 0.2}, "FAILURE", "SoftTimeLimitExceeded"),
    "hard limit": ("probe.hang", (), LIMITS, "FAILURE", "TimeLimitExceeded"),
    "Reject": ("probe.reject", (), {}, "FAILURE", None),
    "Ignore": ("probe.ignore", (), {}, "STARTED", None),
    "unserialisable result": ("probe.unserialisable", (), {}, "FAILURE", "EncodeError"),
    "a receiver raises": ("probe.broken_receiver", (), {}, "SUCCESS", None),
    "expired": ("probe.succeed", (), {"expires": PAST}, "REVOKED", None),
    "unknown task": ("probe.unknown", (), {}, "FAILURE", "NotRegistered"),
}
REVOKED = ["revoked before start", "revoked, SIGTERM", "revoked, SIGKILL"]
MESSAGES: dict[str, tuple[bytes, str, dict[str, Any], str]] = {
    "undecodable body": (b"\xff{", "application/json", {"task": "probe.succeed"}, "DecodeError"),
    "undecodable body of no task": (b"\xff{", "application/json", {}, "DecodeError"),
    "content type that is refused": (
        b"(dp0\n.",
        "application/x-python-serialize",
        {"task": "probe.succeed"},
        "ContentDisallowed",
    ),
    "arguments of the wrong shape": (
        b"{}",
        "application/json",
        {"task": "probe.succeed"},
        "InvalidTaskError",
    ),
    "no task at all": (json.dumps({"hello": 1}).encode(), "application/json", {}, "message"),
}


@pytest.fixture(scope="module")
def app(running: RunningStack) -> Iterator[Celery]:
    url = running.tasks.conf.broker_url
    with Celery("matrix", broker=url, backend=url, set_as_current=False) as app:
        yield app


@pytest.fixture(scope="module")
def ids(running: RunningStack, app: Celery, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Send all rows at once, for a lost worker is noticed every five seconds only; return the task id of each."""
    sent = {row: uuid.uuid4().hex for row in [*SENT, *REVOKED, *MESSAGES]}
    flag = str(Path(tmp_path_factory.mktemp("matrix")) / "died")

    def send(row: str, task: str, *args: object, **options: Any) -> None:
        arguments = [flag if value == "FLAG" else value for value in args]
        app.send_task(
            task, arguments, task_id=sent[row], headers={context.HEADER: CARRIED}, ignore_result=False, **options
        )

    app.control.revoke(sent["revoked before start"], reply=True, limit=1, timeout=5)
    send("revoked before start", "probe.fail", "never")
    for row in ("revoked, SIGTERM", "revoked, SIGKILL"):
        send(row, "probe.wait")
        wait_for(lambda row=row: state_of(app, sent[row]) == "STARTED")
        app.control.revoke(sent[row], terminate=True, signal=row[-7:], reply=True, limit=1, timeout=5)
    for row, (task, args, options, _, _) in SENT.items():
        send(row, task, *args, **options)
    with app.connection_for_write() as connection, connection.channel() as channel:
        producer = app.amqp.Producer(channel)
        for row, (body, content_type, headers, _) in MESSAGES.items():
            producer.publish(
                body,
                routing_key="celery",
                exchange="",
                content_type=content_type,
                content_encoding="utf-8",
                headers={**headers, "id": sent[row], context.HEADER: CARRIED},
            )
    return sent


def state_of(app: Celery, task_id: str) -> str:
    return str(app.AsyncResult(task_id).state)


def recorded(running: RunningStack, task_id: str) -> list[dict[str, Any]]:
    try:
        return wait_for(lambda: records_of(running, task_id), LOST_SECONDS)
    except AssertionError as error:
        told = [line for line in running.log_of("worker").splitlines() if task_id in line]
        raise AssertionError("\n".join(["nothing was recorded; the worker says:", *told])) from error


def records_of(running: RunningStack, task_id: str) -> list[dict[str, Any]]:
    return [error for error in running.errors() if error["context"].get("task_id") == task_id]


@pytest.mark.parametrize("row", [row for row, (*_, kind) in SENT.items() if kind])
def test_a_task_that_fails_is_one_occurrence_with_its_request(
    running: RunningStack, app: Celery, ids: dict[str, str], row: str
) -> None:
    task, _, _, state, kind = SENT[row]
    [record] = recorded(running, ids[row])

    assert (record["error_type"], record["task"], record["source"]) == (kind, task, "celery")
    assert (record["request_id"], record["user_id"]) == (CARRIED["request_id"], "42")
    assert record["request_path"] == CARRIED["path"]
    assert record["context"]["attempt"] == (2 if "retry" in row else 1)
    wait_for(lambda: state_of(app, ids[row]) == state, LOST_SECONDS)


@pytest.mark.parametrize("row", MESSAGES)
def test_a_message_that_is_no_task_is_one_occurrence(running: RunningStack, ids: dict[str, str], row: str) -> None:
    body, content_type, headers, kind = MESSAGES[row]
    [record] = recorded(running, ids[row])

    assert (record["error_type"], record["task"], record["source"]) == (kind, headers.get("task", ""), "celery")
    assert record["request_id"] == CARRIED["request_id"]
    assert record["context"]["content_type"] == content_type
    assert body.decode(errors="replace") not in str(record)


@pytest.mark.parametrize("row", [row for row, (*_, kind) in SENT.items() if not kind] + REVOKED)
def test_a_task_that_ends_as_it_was_told_to_is_none(
    running: RunningStack, app: Celery, ids: dict[str, str], row: str
) -> None:
    state = SENT[row][3] if row in SENT else "REVOKED"
    wait_for(lambda: state_of(app, ids[row]) == state, LOST_SECONDS)
    running.marker()

    assert records_of(running, ids[row]) == []


def test_a_workflow_fails_by_its_failed_tasks_only(running: RunningStack) -> None:
    flows = {name: Workflow(running.tasks) for name in WORKFLOWS}
    for name, make in WORKFLOWS.items():
        flows[name].start(make)
    due = {ident: 1 for flow in flows.values() for ident in flow.due}
    for ident in due:
        recorded(running, ident)
    running.marker()

    names = {"probe.succeed", "probe.body", "probe.errback", "probe.inline_errback"}
    counts = Counter(record["context"].get("task_id") for record in running.errors())
    assert {ident: counts[ident] for flow in flows.values() for ident in flow.ids if counts[ident]} == due
    assert [r for r in running.errors() if r["task"] in names and r["request_id"] != CARRIED["request_id"]] == []


def test_in_the_end_each_failure_was_counted_once(running: RunningStack, ids: dict[str, str]) -> None:
    due = {ids[row] for row, (*_, kind) in SENT.items() if kind} | {ids[row] for row in MESSAGES}
    for task_id in due:
        recorded(running, task_id)
    running.marker()

    counts = Counter(error["context"].get("task_id") for error in running.errors())
    assert {task_id: counts[task_id] for task_id in ids.values() if counts[task_id]} == dict.fromkeys(due, 1)
