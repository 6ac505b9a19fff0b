"""Health that is true without a visitor, and a dashboard that shows what was checked."""

from __future__ import annotations

import os
import re
import signal

import pytest
from django.test import Client, override_settings

from designs.monitoring import HealthChecker
from tests.faults.test_health_workers import MISSED_SECONDS, START_SECONDS, Fleet, fleet
from tests.support.stack import wait_for

__all__ = ["fleet"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120), pytest.mark.django_db]


@pytest.fixture
def quick_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGINEL_HEALTH_ROUND_SECONDS", "1")


def statuses(component: str) -> list[str]:
    return [change["status"] for change in HealthChecker.history(component)]


@pytest.mark.usefixtures("quick_rounds")
def test_beat_alone_notes_changes_and_fills_the_strip(fleet: Fleet) -> None:
    fleet.start("beat", "--schedule", str(fleet.folder / "schedule"), "--pidfile", "", "--loglevel", "INFO")
    known = wait_for(lambda: HealthChecker.last_known().get("celery"), START_SECONDS)
    assert (known["status"], known["message"]) == ("unhealthy", "no worker is alive")
    assert known["by"].startswith("beat@")

    worker = fleet.worker("a")
    wait_for(lambda: statuses("celery") == ["unhealthy", "healthy"], START_SECONDS)
    # Only a worker sees these.
    wait_for(lambda: {"storage", "kernel"} <= HealthChecker.last_known().keys())
    assert HealthChecker.last_known()["storage"]["by"].startswith("worker@")

    os.kill(worker.pid, signal.SIGSTOP)
    wait_for(lambda: statuses("celery") == ["unhealthy", "healthy", "unhealthy"], MISSED_SECONDS + 10)
    [newest, older] = HealthChecker.transitions(["celery"])
    assert (newest["previous"], newest["status"], older["status"]) == ("healthy", "unhealthy", "healthy")
    assert "unhealthy" in HealthChecker.strip()["celery"][-2:]


@override_settings(ENGINEL_HEALTH_CACHE_SECONDS=0.2)
def test_the_dashboard_shows_a_frozen_worker_as_unhealthy(fleet: Fleet, admin_client: Client) -> None:
    def shown() -> tuple[str, str]:
        text = admin_client.get("/admin/monitoring/").content.decode()
        celery = re.search(r"<bdi>Celery</bdi></strong> <span class=\"state\">(\w+)<", text)
        workers = re.search(r"<dt>Workers</dt><dd>(\w+)</dd>", text)
        assert celery
        assert workers
        return celery[1], workers[1]

    worker = fleet.worker("a")
    wait_for(lambda: shown() == ("healthy", "1"), START_SECONDS)
    os.kill(worker.pid, signal.SIGSTOP)

    seen = []
    wait_for(lambda: seen.append(shown()) or seen[-1][0] != "healthy", MISSED_SECONDS + 10)

    # State and number are of one check: never healthy beside no worker.
    assert set(seen) <= {("healthy", "1"), ("unhealthy", "0")}
    assert seen[-1] == ("unhealthy", "0")
