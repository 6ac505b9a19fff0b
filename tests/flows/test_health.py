"""Health of a whole running stack."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from designs.cad import kernel_status
from integrations.celery.heartbeats import read_beats
from integrations.redis import FailFastRedis
from tests.support.stack import RunningStack, wait_for

pytestmark = pytest.mark.timeout(90)

URL = "/api/health/detailed/"


def test_the_documented_answers(running: RunningStack) -> None:
    status, body = running.get("/api/health/", token="")
    assert (status, body["status"]) == (200, "ok")

    status, body = wait_for(lambda: (answer := running.get(URL, token=""))[1]["status"] == "healthy" and answer)
    assert status == 200
    assert {"database", "redis", "celery", "storage"} <= set(body["checks"])
    assert body["checks"]["celery"]["workers"] == ["celery@worker1"]
    assert body["checks"]["beat"] == {"status": "healthy", "message": "runs"}


def test_admins_see_the_hosts_of_workers(running: RunningStack) -> None:
    [worker] = wait_for(lambda: running.get(URL)[1]["checks"]["celery"].get("worker_names"))

    assert worker.startswith("worker@")


def test_workers_say_whether_they_have_the_kernel(running: RunningStack) -> None:
    assert running.stack.valkey is not None
    gateway = FailFastRedis(running.stack.valkey.url, timeout_seconds=2)

    [beat] = wait_for(lambda: read_beats(gateway))

    assert beat.facts["kernel"] is kernel_status().installed
    assert beat.facts["queues"] == ["celery"]


def test_probes_at_once_are_all_answered_alike(running: RunningStack) -> None:
    wait_for(lambda: running.get(URL, token="")[0] == 200)
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: running.get(URL, token="")[0], range(60)))

    assert answers == [200] * 60
