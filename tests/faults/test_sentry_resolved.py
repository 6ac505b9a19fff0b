"""A person resolves an issue after a burst: it stays resolved until the next failure, and no count is lost by that."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sentry_sdk
from django.test import override_settings

from designs.monitoring import ErrorTracker
from designs.monitoring.errors import recorder
from designs.monitoring.sentry.sdk_start import start_sentry
from enginel.celery import app
from integrations.sentry import configure, flush
from integrations.sentry.outbox.lost_events import losses
from tests.support.bugsink import SentryProject, bugsink, sentry_project
from tests.support.stack import wait_for

__all__ = ["bugsink", "sentry_project"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

BURST = 50
WINDOW_SECONDS = 3


@contextmanager
def running(dsn: str, state_dir: Path) -> Iterator[None]:
    changed = {"SENTRY_DSN": dsn, "ENGINEL_STATE_DIR": state_dir, "ENGINEL_WINDOW_SECONDS": WINDOW_SECONDS}
    losses.reset()
    with override_settings(**changed):
        assert start_sentry()
        try:
            with sentry_sdk.isolation_scope() as scope:
                scope.clear()
                yield
        finally:
            sentry_sdk.get_client().close(timeout=0)
            sentry_sdk.get_global_scope().set_client(None)
            configure()
            losses.reset()


def fail(times: int = 1) -> None:
    for _ in range(times):
        try:
            raise ValueError("broken")
        except ValueError as error:
            ErrorTracker.log_error(error)


def let_the_window_pass() -> None:
    over = time.monotonic() + WINDOW_SECONDS + 0.1
    wait_for(lambda: time.monotonic() > over)


def run_the_duties_of_beat() -> None:
    app.loader.import_default_modules()
    duties = [task for name, task in app.tasks.items() if name.startswith("designs.tasks_monitoring.")]
    assert duties
    for duty in duties:
        duty.delay()
    flush(10)


def told_of(events: list[dict[str, Any]]) -> int:
    return round(sum(1 / event["contexts"]["error_sampling"]["client_sample_rate"] for event in events))


def test_an_issue_that_is_resolved_after_a_burst_stays_resolved(sentry_project: SentryProject, tmp_path: Path) -> None:
    with running(sentry_project.dsn, tmp_path):
        fail(BURST)
        flush(10)
        events = len(sentry_project.wait_for_events(2))
        (issue,) = sentry_project.issues()
        sentry_project.resolve(issue)
        (resolved,) = sentry_project.issues()
        assert resolved["is_resolved"]

        let_the_window_pass()
        run_the_duties_of_beat()

        assert sentry_project.issues() == [resolved]
        assert sentry_project.count() == events

        fail()
        flush(10)
        wait_for(lambda: sentry_project.count() == events + 1)
        (again,) = sentry_project.issues()
        assert not again["is_resolved"]
        assert again["last_seen"] > resolved["last_seen"]
        assert told_of(sentry_project.data()) == recorder.error_store.totals()["occurrences"] == BURST + 1
