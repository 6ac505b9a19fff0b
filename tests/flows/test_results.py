"""What Celery keeps of tasks in Redis: no result unless one is asked for, and no secret in any of it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from celery import Celery, chain, chord, group
from celery.events import EventReceiver
from kombu import Connection

from tests.support.redis_content import everything_in
from tests.support.stack import RunningStack, wait_for

pytestmark = pytest.mark.timeout(90)

SECRET = "hunter2hunter2"
MESSAGE = f"no login with password={SECRET}"


@pytest.fixture(scope="module")
def app(running: RunningStack) -> Iterator[Celery]:
    url = running.tasks.conf.broker_url
    with Celery("results", broker=url, backend=url, set_as_current=False) as app:
        # As a later Celery will have it; without it Celery warns.
        app.conf.task_allow_error_cb_on_chord_header = True
        yield app


@pytest.fixture
def store(running: RunningStack) -> Iterator[redis.Redis]:
    assert running.stack.valkey is not None
    with redis.Redis(unix_socket_path=str(running.stack.valkey.socket)) as client:
        yield client


def results_in(client: redis.Redis, *ids: str) -> list[bytes]:
    return [key for key in client.scan_iter("celery-*") if any(ident.encode() in key for ident in ids)]


def start(app: Celery, workflow: Any) -> None:
    app.send_task("probe.start", [workflow])


def test_no_result_of_a_task_is_kept(running: RunningStack, store: redis.Redis) -> None:
    failed, succeeded = running.send("probe.fail", MESSAGE), running.send("probe.succeed")
    running.errors_of(failed)
    running.marker()

    assert results_in(store, failed, succeeded) == []
    assert SECRET not in everything_in(store)


def test_a_result_that_is_asked_for_is_kept_without_secrets(
    running: RunningStack, app: Celery, store: redis.Redis
) -> None:
    failed = app.send_task("probe.fail", [MESSAGE], ignore_result=False)
    succeeded = app.send_task("probe.succeed", ignore_result=False)

    assert succeeded.get(timeout=20) == "fine"
    error = failed.get(timeout=20, propagate=False)
    assert (type(error), str(error)) == (ValueError, "no login with password=[filtered]")
    assert "ValueError" in failed.traceback
    assert SECRET not in failed.traceback
    wait_for(lambda: SECRET not in everything_in(store))


def test_a_chord_runs_its_body_and_keeps_no_secret_of_parts_that_fail(
    running: RunningStack, app: Celery, store: redis.Redis
) -> None:
    def task(name: str, *args: Any, **options: Any) -> Any:
        return app.signature(f"probe.{name}", args, immutable=name not in {"body", "fail_with"}, **options)

    def parts() -> list[Any]:
        nested = chain(task("succeed"), group(task("succeed"), task("succeed"), app=app), app=app)
        return [task("succeed"), nested]

    ran, stopped = uuid.uuid4().hex, uuid.uuid4().hex
    # The body that runs fails: its failure has the results of the parts.
    start(app, chord(parts(), task("fail_with", task_id=ran), app=app))
    header = [*parts(), task("fail", MESSAGE, task_id=stopped)]
    start(app, chord(header, task("body"), app=app))

    [record] = running.errors_of(ran)
    assert record["error_message"] == "['fine', ['fine', 'fine']]"
    running.errors_of(stopped)
    running.marker()
    wait_for(lambda: SECRET not in everything_in(store))


def test_events_of_a_worker_hold_no_secret(running: RunningStack, app: Celery) -> None:
    seen: list[dict[str, Any]] = []
    with Connection(app.conf.broker_url) as connection:
        receiver = EventReceiver(connection, handlers={"*": seen.append}, app=app)
        capture = receiver.itercapture(limit=None, timeout=20, wakeup=False)
        next(capture)
        app.control.enable_events(reply=True, limit=1, timeout=5)
        try:
            failed = running.send("probe.fail", MESSAGE)
            wait_for(lambda: next(capture) or _of(seen, failed, "task-failed"))
        finally:
            app.control.disable_events(reply=True, limit=1, timeout=5)

    [received], [event] = _of(seen, failed, "task-received"), _of(seen, failed, "task-failed")
    assert received["args"] == "('no login with password=[filtered]',)"
    assert event["exception"] == "ValueError('no login with password=[filtered]')"
    assert "in fail" in event["traceback"]
    assert SECRET not in json.dumps(seen)


MARKER = "ZQX-Marker-7341"
BACKWARDS = MARKER[::-1]


def test_events_of_controlled_tasks_hold_ids_only(running: RunningStack, app: Celery, store: redis.Redis) -> None:
    seen: list[dict[str, Any]] = []
    with Connection(app.conf.broker_url) as connection:
        receiver = EventReceiver(connection, handlers={"*": seen.append}, app=app)
        capture = receiver.itercapture(limit=None, timeout=20, wakeup=False)
        next(capture)
        app.control.enable_events(reply=True, limit=1, timeout=5)
        try:
            failed, queued = (running.send("probe.meets_controlled", BACKWARDS, then) for then in ("fails", "queues"))
            ordinary = running.send("probe.succeed")
            wait_for(lambda: next(capture) or _of(seen, failed, "task-failed"))
            wait_for(lambda: next(capture) or _of(seen, queued, "task-succeeded"))
            wait_for(lambda: next(capture) or _of(seen, ordinary, "task-succeeded"))
            wait_for(lambda: next(capture) or [e for e in seen if e["type"] == "task-failed" and e["uuid"] != failed])
        finally:
            app.control.disable_events(reply=True, limit=1, timeout=5)

    assert [event for event in seen if MARKER in json.dumps(event)] == []
    [event] = _of(seen, failed, "task-failed")
    assert (event["exception"], event["traceback"]) == ("[filtered]", "[filtered]")
    [progress] = _of(seen, failed, "task-progress")
    assert (progress["part"], progress["parts"], progress["percent"]) == ("[filtered]", "[filtered]", 50)
    assert len(_of(seen, failed, "task-custom")) == 1
    assert _of(seen, ordinary, "task-succeeded")[0]["result"] == "'fine'"
    running.marker()
    wait_for(lambda: MARKER not in everything_in(store))


def test_a_body_of_a_chord_is_controlled_if_any_part_is(running: RunningStack, app: Celery, store: redis.Redis) -> None:
    def body_of(*parts: Any) -> dict[str, Any]:
        body = uuid.uuid4().hex
        start(app, chord(list(parts), app.signature("probe.fail_with", task_id=body), app=app))
        [record] = running.errors_of(body)
        return record

    def part(name: str, *args: str) -> Any:
        return app.signature(f"probe.{name}", args, immutable=True)

    # The ordinary part is the last, and starts the body.
    mixed = body_of(part("meets_controlled", BACKWARDS), part("succeed").set(countdown=1))
    ordinary = body_of(part("succeed"), part("succeed"))

    assert MARKER not in json.dumps(mixed)
    assert ordinary["error_message"] == "['fine', 'fine']"
    running.marker()
    wait_for(lambda: MARKER not in everything_in(store))


def _of(events: list[dict[str, Any]], task_id: str, kind: str) -> list[dict[str, Any]]:
    return [event for event in events if event.get("uuid") == task_id and event["type"] == kind]
