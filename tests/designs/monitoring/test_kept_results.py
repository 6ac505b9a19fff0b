"""A result that a task asks for holds nothing of a controlled design."""

from __future__ import annotations

import uuid

import pytest
import redis
from django.conf import settings

from designs import context
from enginel.celery import app
from tests.redis_content import everything_in

# Celery's backend calls it.
pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated setex:DeprecationWarning")

MARKER = "turbine-blade-7"


@pytest.mark.parametrize(("is_controlled", "is_kept"), [(True, False), (False, True)])
def test_a_failure_that_is_kept_holds_content_of_uncontrolled_designs_only(is_controlled: bool, is_kept: bool) -> None:
    context.start(context.RunContext(task="designs.scan_design", task_id="t1"))
    if is_controlled:
        context.set_controlled()
    task_id = uuid.uuid4().hex

    app.backend.mark_as_failure(task_id, ValueError(MARKER), traceback=f"ValueError: {MARKER}")

    with redis.Redis.from_url(settings.REDIS_URL) as client:
        kept = everything_in(client)
    assert (task_id in kept, "FAILURE" in kept, MARKER in kept) == (True, True, is_kept)
