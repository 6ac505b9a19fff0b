"""Messages whose headers hold text that cannot be written as UTF-8, in a real worker."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from designs import context
from tests.support.stack import RunningStack

pytestmark = pytest.mark.timeout(90)

LONE = "\ud800"
CONTEXTS = [
    {context.HEADER: {name: f"{name}{LONE}\0\u202e" for name in context.RunContext.__dataclass_fields__}},
    {context.HEADER: LONE},
    {LONE: LONE},
]


def test_a_failure_with_unwritable_headers_is_recorded_once_and_hides_no_other(running: RunningStack) -> None:
    ids = [running.send("probe.fail", f"with {headers!a}", headers=headers) for headers in CONTEXTS]
    unknown = f"probe.no_such_task_{LONE}_{uuid.uuid4().hex}"
    ids.append(running.send(unknown))
    running.marker()

    for task_id in ids:
        assert len(running.errors_of(task_id)) == 1
    for path in ("/api/monitoring/dashboard/", "/api/monitoring/groups/", "/api/health/detailed/"):
        assert running.get(path)[0] == 200
    answer: Any = running.http.request("GET", running.stack.url + "/metrics", timeout=10)
    assert answer.status == 200


def test_what_the_record_says_of_an_unwritable_name_can_be_written(running: RunningStack) -> None:
    task_id = running.send("probe.fail", "named", headers=CONTEXTS[0])

    [record] = running.errors_of(task_id)

    assert record["request_id"] == "request_id?"
    assert record["context"]["trace_id"] == "trace_id?"
