"""A design whose task is revoked, expires, is purged or dies with its worker's host fails, and is finalized again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from freezegun import freeze_time

from designs.models import Design, Status, Step
from designs.monitoring import ErrorTracker
from designs.reconciliation import fail_lost_designs
from designs.tasks import scan_design
from enginel.celery import app
from enginel.local.processes import die_with_parent
from enginel.local.valkey import EmbeddedValkey
from integrations.celery.heartbeats import WORKERS_KEY, live_workers, read_beats, tell
from integrations.redis import redis_for
from tests.designs.conftest import ClientOf, MakeDesign
from tests.designs.views.test_finalize import forget_connections
from tests.support.stack import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180), pytest.mark.django_db(transaction=True)]

START_SECONDS = 40.0
# Silent for six seconds is dead, missing for six more is lost.
LOST_SECONDS = 40.0


@dataclass
class Site:
    """A broker, workers of a test alone, and the database of the test."""

    server: EmbeddedValkey
    folder: Path
    env: dict[str, str]
    processes: ExitStack

    @property
    def gate(self) -> Path:
        """What the scan of a worker that is started stuck waits for."""
        return self.folder / "go on"

    def worker(self, name: str, celery_app: str = "tests.support.probe_tasks") -> subprocess.Popen[bytes]:
        """Start a worker with one process and wait until it takes tasks."""
        options = ("-n", f"{name}@host", "-c", "1", "--without-mingle", "--without-gossip", "--loglevel", "INFO")
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "celery", "-q", "-A", celery_app, "worker", *options],
                env=self.env, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=die_with_parent,
            )  # fmt: skip
        self.processes.callback(kill, process)
        wait_for(lambda: f"{name}@host" in live_workers(redis_for(self.server.url)), START_SECONDS)
        wait_for(lambda: app.control.ping([f"{name}@host"], timeout=1), START_SECONDS)
        return process

    def pause(self) -> None:
        """Let workers take no task until `go_on`."""
        assert app.control.cancel_consumer("celery", reply=True, limit=1)

    def go_on(self) -> None:
        assert app.control.add_consumer("celery", reply=True, limit=1)


def kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def database_url() -> str:
    facts = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{facts['NAME']}"
    return f"postgresql://{facts['USER']}:{facts['PASSWORD']}@{facts['HOST']}:{facts['PORT']}/{facts['NAME']}"


@pytest.fixture
def site(tmp_path: Path, storage_dir: Path, settings: Any) -> Iterator[Site]:
    folder = tmp_path / "site"
    folder.mkdir()
    server = EmbeddedValkey(folder, persistent=False)
    server.start()
    broker = server.url.replace("unix://", "redis+socket://")
    settings.REDIS_URL, settings.CELERY_BROKER_URL = server.url, broker
    settings.ENGINEL_LOST_DESIGN_SECONDS = 1
    before = {name: app.conf[name] for name in ("task_always_eager", "broker_url", "result_backend")}
    app.conf.update(task_always_eager=False, broker_url=broker, result_backend=broker)
    forget_connections()
    env = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "enginel.settings",
        "ENGINEL_STATE_DIR": str(folder),
        "ENGINEL_STORAGE_DIR": str(storage_dir),
        "REDIS_URL": server.url,
        "CELERY_BROKER_URL": "",
        "DATABASE_URL": database_url(),
        "STUCK_UNTIL": str(folder / "go on"),
    }
    try:
        with ExitStack() as processes:
            yield Site(server, folder, env, processes)
    finally:
        app.conf.update(before)
        forget_connections()
        server.stop()


@pytest.fixture
def api(client_of: ClientOf, org_admin: Any) -> Client:
    return client_of(org_admin)


@pytest.fixture
def design(make_design: MakeDesign, sample: Any) -> Design:
    return make_design(sample("as1-oc-214.stp"))


def finalize(api: Client, design: Design) -> int:
    status = api.post(f"/api/designs/{design.pk}/finalize/").status_code
    design.refresh_from_db()
    return status


def becomes(design: Design, status: Status, seconds: float = START_SECONDS, ask: Callable[[], Any] = int) -> Design:
    """Wait for a status of a design; ``ask`` is called at each look."""

    def look() -> bool:
        ask()
        design.refresh_from_db()
        return design.status == status

    wait_for(look, seconds)
    return design


def assert_failed_and_is_processed_again(api: Client, design: Design, code: str) -> None:
    body = api.get(f"/api/designs/{design.pk}/").json()
    assert (body["status"], body["error"]["code"]) == ("failed", code)
    answer = api.get(f"/api/designs/{design.pk}/geometry/")
    assert (answer.status_code, answer.json()["code"]) == (503, code)
    assert ErrorTracker.get_recent_errors(10) == []

    first = design.task_id
    assert finalize(api, design) == 202
    assert (design.error_code, design.task_id != first) == ("", True)
    assert becomes(design, Status.READY).error_code == ""


def test_a_task_revoked_before_it_began_fails_its_design(site: Site, api: Client, design: Design) -> None:
    site.worker("a")
    site.pause()
    assert finalize(api, design) == 202
    app.control.revoke(design.task_id, reply=True)
    site.go_on()

    becomes(design, Status.FAILED)

    assert_failed_and_is_processed_again(api, design, "processing_cancelled")


def test_a_task_revoked_for_an_earlier_finalization_changes_nothing(site: Site, api: Client, design: Design) -> None:
    site.worker("a")
    site.pause()
    assert finalize(api, design) == 202
    earlier = design.task_id
    Design.objects.update(status=Status.UPLOADED, task_id="")
    design.refresh_from_db()
    assert finalize(api, design) == 202
    app.control.revoke(earlier, reply=True)
    site.go_on()

    assert becomes(design, Status.READY).error_code == ""


@pytest.mark.parametrize("how", ["SIGTERM", "SIGKILL"])
def test_a_running_task_that_is_revoked_fails_its_design(site: Site, api: Client, design: Design, how: str) -> None:
    site.worker("stuck", "tests.support.stuck_designs")
    assert finalize(api, design) == 202
    becomes(design, Status.PROCESSING)

    app.control.revoke(design.task_id, terminate=True, signal=how)

    becomes(design, Status.FAILED)
    site.gate.touch()
    assert_failed_and_is_processed_again(api, design, "processing_cancelled")


def test_a_task_that_expired_fails_its_design(site: Site, api: Client, design: Design) -> None:
    site.worker("a")
    Design.objects.update(status=Status.QUEUED, task_id="t1", finalized_at=timezone.now())
    scan_design.apply_async((str(design.pk),), task_id="t1", expires=timezone.now() - timedelta(seconds=1))

    becomes(design, Status.FAILED)

    assert_failed_and_is_processed_again(api, design, "processing_expired")


def test_a_purged_task_fails_its_design_and_one_that_waits_fails_none(
    site: Site, api: Client, design: Design, make_design: MakeDesign, sample: Any
) -> None:
    waiting = make_design(sample("as1-oc-214.stp"))
    site.worker("a")
    site.pause()
    assert finalize(api, design) == 202
    assert app.control.purge() == 1
    assert finalize(api, waiting) == 202
    long_ago = timezone.now() - timedelta(hours=2)
    Design.objects.update(finalized_at=long_ago)

    becomes(design, Status.FAILED, LOST_SECONDS, fail_lost_designs)

    waiting.refresh_from_db()
    assert waiting.status == Status.QUEUED
    site.go_on()
    becomes(waiting, Status.READY)
    assert_failed_and_is_processed_again(api, design, "processing_lost")


def test_a_workers_host_that_dies_fails_what_it_had(
    site: Site, api: Client, design: Design, make_design: MakeDesign, sample: Any
) -> None:
    received = make_design(sample("as1-oc-214.stp"))
    stuck = site.worker("stuck", "tests.support.stuck_designs")
    assert finalize(api, design) == 202
    becomes(design, Status.PROCESSING)
    assert finalize(api, received) == 202
    wait_for(lambda: any(received.task_id in beat.facts["tasks"] for beat in read_beats(redis_for(site.server.url))))
    # As long as it lives, nothing is lost, however long it takes.
    Design.objects.update(finalized_at=timezone.now() - timedelta(hours=2))
    assert fail_lost_designs() == 0

    kill(stuck)
    site.worker("a")

    becomes(design, Status.FAILED, LOST_SECONDS, fail_lost_designs)
    becomes(received, Status.FAILED, LOST_SECONDS, fail_lost_designs)
    assert_failed_and_is_processed_again(api, design, "processing_lost")
    assert_failed_and_is_processed_again(api, received, "processing_lost")


def test_a_lost_task_that_comes_back_leaves_the_design_to_the_one_that_followed(
    site: Site, api: Client, design: Design
) -> None:
    frozen = site.worker("frozen", "tests.support.stuck_designs")
    assert finalize(api, design) == 202
    becomes(design, Status.PROCESSING)
    os.killpg(frozen.pid, signal.SIGSTOP)
    site.worker("a")
    becomes(design, Status.FAILED, LOST_SECONDS, fail_lost_designs)
    assert_failed_and_is_processed_again(api, design, "processing_lost")
    processed_at = design.processed_at

    site.gate.touch()
    os.killpg(frozen.pid, signal.SIGCONT)
    log = site.folder / "frozen.log"
    wait_for(lambda: "Task designs.scan_design" in log.read_text() and "succeeded" in log.read_text(), START_SECONDS)

    design.refresh_from_db()
    assert (design.status, design.step, design.processed_at) == (Status.READY, Step.GEOMETRY, processed_at)


def test_while_a_worker_of_an_earlier_release_runs_nothing_is_decided(site: Site, design: Design) -> None:
    Design.objects.update(status=Status.QUEUED, task_id="t1", finalized_at=timezone.now() - timedelta(hours=2))
    tell(redis_for(site.server.url), WORKERS_KEY, "old@host", {"active": 1})

    with freeze_time(timezone.now()) as clock:
        for _ in range(3):
            assert fail_lost_designs() == 0
            clock.tick(60)


def test_a_design_that_is_found_again_is_not_lost(site: Site, design: Design) -> None:
    Design.objects.update(status=Status.QUEUED, task_id="t1", finalized_at=timezone.now() - timedelta(hours=2))
    store = redis_for(site.server.url)
    with freeze_time(timezone.now()) as clock:
        for found in ([], ["t1"], [], ["t1"]):
            tell(store, WORKERS_KEY, "a@host", {"tasks": found, "tasks_cut": False})
            assert fail_lost_designs() == 0
            clock.tick(5)

        tell(store, WORKERS_KEY, "a@host", {"tasks": [], "tasks_cut": False})
        assert fail_lost_designs() == 0
        clock.tick(7)
        assert fail_lost_designs() == 1


def test_while_the_broker_is_away_nothing_is_decided(site: Site, api: Client, design: Design, settings: Any) -> None:
    Design.objects.update(status=Status.QUEUED, task_id="t1", finalized_at=timezone.now() - timedelta(hours=2))
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    assert fail_lost_designs() == 0

    design.refresh_from_db()
    assert design.status == Status.QUEUED
