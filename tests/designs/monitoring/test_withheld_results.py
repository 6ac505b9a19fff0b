"""A result that a task asks for holds nothing of a controlled design."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable

import pytest
import redis
from django.conf import settings

from designs import context
from enginel.celery import app
from tests.support.redis_content import everything_in

# Celery's backend calls it.
pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated setex:DeprecationWarning")

MARKER = "turbine-blade-7"


@pytest.mark.parametrize(("is_controlled", "is_kept"), [(True, False), (False, True)])
def test_a_failure_that_is_kept_holds_content_of_uncontrolled_designs_only(is_controlled: bool, is_kept: bool) -> None:
    context.start(context.RunContext(task="designs.scan_design", task_id=uuid.uuid4().hex))
    if is_controlled:
        context.set_controlled()
    task_id = uuid.uuid4().hex

    app.backend.mark_as_failure(task_id, ValueError(MARKER), traceback=f"ValueError: {MARKER}")

    with redis.Redis.from_url(settings.REDIS_URL) as client:
        kept = everything_in(client)
    assert (task_id in kept, "FAILURE" in kept, MARKER in kept) == (True, True, is_kept)


def began(is_controlled: bool) -> str:
    task_id = uuid.uuid4().hex
    context.start(context.RunContext(task="designs.scan_design", task_id=task_id))
    if is_controlled:
        context.set_controlled()
    return task_id


def raised() -> ValueError:
    try:
        raise ValueError(MARKER)
    except ValueError as error:
        return error


STORING: dict[str, Callable[[str], object]] = {
    "progress": lambda task_id: app.Task().update_state(
        task_id, "PROGRESS", {"part": MARKER, MARKER: 1, "step": "scan"}
    ),
    "state": lambda task_id: app.Task().update_state(task_id, f"SCANNING {MARKER}", {}),
    "text": lambda task_id: app.backend.store_result(task_id, MARKER, "PROGRESS"),
    "list": lambda task_id: app.backend.store_result(task_id, [[MARKER], {"name": MARKER}], "SUCCESS"),
    "result": lambda task_id: app.backend.mark_as_done(task_id, {"part": MARKER}),
    "retry": lambda task_id: app.backend.mark_as_retry(task_id, raised(), f"ValueError: {MARKER}"),
    "revoked": lambda task_id: app.backend.mark_as_revoked(task_id, f"no {MARKER}"),
}


@pytest.mark.parametrize("way", STORING)
@pytest.mark.parametrize("is_controlled", [True, False], ids=["controlled", "ordinary"])
def test_what_a_task_stores_of_itself_holds_content_of_uncontrolled_designs_only(way: str, is_controlled: bool) -> None:
    task_id = began(is_controlled)

    STORING[way](task_id)

    with redis.Redis.from_url(settings.REDIS_URL) as client:
        kept = everything_in(client)
    assert (task_id in kept, MARKER in kept) == (True, not is_controlled)


def stored(task_id: str) -> object:
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        return json.loads(client.get(app.backend.get_key_for_task(task_id)) or "{}")["result"]


def test_progress_keeps_ids_and_loses_secrets() -> None:
    task_id, design = began(is_controlled=True), str(uuid.uuid4())
    app.Task().update_state(task_id, "PROGRESS", {"design_id": design, "count": 3, "part": MARKER})
    assert stored(task_id) == {"design_id": design, "count": 3, "withheld": 1}

    task_id = began(is_controlled=False)
    app.Task().update_state(task_id, "PROGRESS", {"current": 3, "password": "hunter2hunter2"})
    assert stored(task_id) == {"current": 3, "password": "[filtered]"}


def test_an_exception_that_controlled_work_left_behind_is_withheld_in_another_task() -> None:
    began(is_controlled=True)
    error = raised()
    context.bind(task_id="")
    dict.__setitem__(error.__dict__, context.TAG, True)
    task_id = began(is_controlled=False)

    app.backend.mark_as_failure(task_id, error, traceback=f"ValueError: {MARKER}")

    with redis.Redis.from_url(settings.REDIS_URL) as client:
        assert MARKER not in everything_in(client)
