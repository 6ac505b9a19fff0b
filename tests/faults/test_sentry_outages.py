"""Sentry away in each way it can be: nobody waits, and afterwards each incident is in Bugsink, once, in its issue."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
import sentry_sdk
from django.conf import settings
from django.test import override_settings

from designs.monitoring import sentry_account
from designs.monitoring.errors.delivery_counts import REASONS
from designs.monitoring.sentry.sdk_start import start_sentry
from enginel.local.processes import die_with_parent
from enginel.local.stack import free_port
from integrations.redis import redis_for
from integrations.sentry import configure, delivery_status, replay_outbox
from integrations.sentry.outbox.lost_events import losses
from integrations.sentry.outbox.spool import Spool
from integrations.sentry.transport import OutboxTransport
from tests.support.bugsink import SentryProject, bugsink, sentry_project
from tests.support.faulty_sentry import FaultySentry, Handler, faulty_sentry
from tests.support.incidents import record_incidents
from tests.support.outage import REFUSED_URL
from tests.support.stack import wait_for

__all__ = ["bugsink", "sentry_project"]

pytestmark = pytest.mark.slow

INCIDENTS = 3
NOTHING_UNTOLD = dict.fromkeys(REASONS, 0)
CALL_SECONDS = 2.0
"""Far more than a call takes, far less than any of the deadlines a waiting caller would sit out."""


@pytest.fixture(autouse=True)
def short_deadlines(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(OutboxTransport, "TIMEOUT", 3)
    losses.reset()
    yield
    configure()
    losses.reset()


@contextmanager
def running(dsn: str, state_dir: Path, lease_seconds: float = 30.0) -> Iterator[None]:
    """Run with Sentry on, its own transport included."""
    changed = {
        "SENTRY_DSN": dsn,
        "ENGINEL_STATE_DIR": state_dir,
        "ENGINEL_SENTRY_LEASE_SECONDS": lease_seconds,
    }
    with override_settings(**changed):
        assert start_sentry()
        try:
            with sentry_sdk.isolation_scope() as scope:
                scope.clear()
                yield
        finally:
            sentry_sdk.get_client().close(timeout=0)
            sentry_sdk.get_global_scope().set_client(None)


def dsn_of(project: SentryProject, port: int, *, scheme: str = "http", host: str = "127.0.0.1") -> str:
    """Return the project's DSN by way of another server."""
    parts = urlsplit(project.dsn)
    return urlunsplit((scheme, f"{parts.username}@{host}:{port}", parts.path, "", ""))


@contextmanager
def front_of(project: SentryProject, port: int = 0) -> Iterator[FaultySentry]:
    with faulty_sentry(port) as front:
        front.forward_to(project.server.url)
        yield front


def fail_unimpeded() -> list[dict[str, Any]]:
    began = time.monotonic()
    records = record_incidents()
    assert time.monotonic() - began < CALL_SECONDS
    return records


def refused_once() -> bool:
    return delivery_status()["reachable"] is False


def deliver() -> None:
    """Replay until nothing waits; a lease of who was killed may have to end first."""
    wait_for(lambda: replay_outbox().state == "empty" and delivery_status()["outbox_depth"] == 0, 40)


def assert_each_is_there_once(project: SentryProject, front: FaultySentry, records: list[dict[str, Any]]) -> None:
    assert Counter(event["event_id"] for event in front.events()) == {record["event_id"]: 1 for record in records}
    issues = project.issues()
    assert [issue["digested_event_count"] for issue in issues] == [1] * len(records)
    stored = {event["event_id"].replace("-", ""): event for event in project.data()}
    assert set(stored) == {record["event_id"] for record in records}
    for record in records:
        event = stored[record["event_id"]]
        assert event["fingerprint"] == ["enginel", record["fingerprint"]]
        assert moment(event["timestamp"]) == pytest.approx(moment(record["timestamp"]), abs=0.001)
    assert delivery_status()["dropped"] == {}


def moment(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else datetime.fromisoformat(str(value)).timestamp()


FAULTS: dict[str, Callable[[Handler], None]] = {
    "hung": Handler.hang,
    "500": lambda handler: handler.answer(500),
    "reset in the body": Handler.reset,
    "429 with Retry-After": lambda handler: handler.answer(429, Retry_After="1"),
    "429 with X-Sentry-Rate-Limits": lambda handler: handler.answer(429, X_Sentry_Rate_Limits="1:error:org"),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_server_that_fails(sentry_project: SentryProject, tmp_path: Path, fault: Callable[[Handler], None]) -> None:
    with front_of(sentry_project) as front, running(dsn_of(sentry_project, front.port), tmp_path):
        front.fail(fault)
        records = fail_unimpeded()
        wait_for(refused_once)

        # What waits in the outbox is told: it will arrive.
        assert sentry_account() == (INCIDENTS, INCIDENTS, 0, NOTHING_UNTOLD)

        front.over.set()
        front.fail(None)
        deliver()

        assert_each_is_there_once(sentry_project, front, records)
        assert sentry_account() == (INCIDENTS, INCIDENTS, 0, NOTHING_UNTOLD)


def test_a_slow_server(sentry_project: SentryProject, tmp_path: Path) -> None:
    def slow(handler: Handler) -> None:
        front.over.wait(0.2)
        handler.answer(front.take(handler.raw, handler))

    with front_of(sentry_project) as front, running(dsn_of(sentry_project, front.port), tmp_path):
        front.fail(slow)
        records = fail_unimpeded()
        wait_for(lambda: delivery_status()["accepted"] == INCIDENTS)

        assert_each_is_there_once(sentry_project, front, records)


def test_a_port_nobody_listens_on(sentry_project: SentryProject, tmp_path: Path) -> None:
    port = free_port()
    with running(dsn_of(sentry_project, port), tmp_path):
        records = fail_unimpeded()
        wait_for(refused_once)
        with front_of(sentry_project, port) as front:
            deliver()
            assert_each_is_there_once(sentry_project, front, records)


def test_a_name_nobody_knows(sentry_project: SentryProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    look_up = socket.getaddrinfo
    known = []

    def getaddrinfo(host: Any, *args: Any, **more: Any) -> Any:
        if host == "sentry.invalid":
            if not known:
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            host = "127.0.0.1"
        return look_up(host, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with front_of(sentry_project) as front:
        with running(dsn_of(sentry_project, front.port, host="sentry.invalid"), tmp_path):
            records = fail_unimpeded()
            wait_for(refused_once)
            known.append(True)
            deliver()
        assert_each_is_there_once(sentry_project, front, records)


def test_a_server_without_tls_and_the_address_set_right_later(sentry_project: SentryProject, tmp_path: Path) -> None:
    with front_of(sentry_project) as front:
        with running(dsn_of(sentry_project, front.port, scheme="https"), tmp_path):
            records = fail_unimpeded()
            wait_for(refused_once)
            sentry_sdk.flush(10)
        with running(dsn_of(sentry_project, front.port), tmp_path):
            deliver()
        assert_each_is_there_once(sentry_project, front, records)


@pytest.mark.parametrize("status", [400, 413])
def test_what_is_refused_for_good_is_a_dead_letter_and_the_rest_arrives(
    sentry_project: SentryProject, tmp_path: Path, status: int
) -> None:
    with front_of(sentry_project) as front, running(dsn_of(sentry_project, front.port), tmp_path):
        front.fail_with(status)
        fail_unimpeded()
        wait_for(lambda: delivery_status()["dead_letters"] == INCIDENTS)
        assert delivery_status()["dropped"] == {f"status_{status}": INCIDENTS}
        assert delivery_status()["outbox_depth"] == 0

        front.fail(None)
        deliver()
        assert sentry_project.issues() == []


@contextmanager
def victim(dsn: str, redis_url: str) -> Iterator[dict[str, Any]]:
    """Give what a process told that failed while Sentry was away and was killed at once."""
    environment = {**os.environ, "SENTRY_DSN": dsn, "REDIS_URL": redis_url}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.sentry_victim"], env=environment, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, preexec_fn=die_with_parent,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        told = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        process.wait()
        yield told
        shutil.rmtree(told["state_dir"], ignore_errors=True)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("hung", [False, True], ids=["refused", "hung"])
def test_away_for_the_whole_life_of_a_process_that_is_killed(
    sentry_project: SentryProject, tmp_path: Path, hung: bool
) -> None:
    with front_of(sentry_project) as front:
        front.fail(Handler.hang)
        port = front.port if hung else free_port()
        with victim(dsn_of(sentry_project, port), settings.REDIS_URL) as told:
            front.over.set()
            front.fail(None)
            with running(dsn_of(sentry_project, front.port), tmp_path):
                assert delivery_status()["outbox_depth"] == INCIDENTS
                deliver()
                assert_each_is_there_once(sentry_project, front, told["records"])


def test_redis_away_too_for_the_whole_life_of_a_process_that_is_killed(
    sentry_project: SentryProject, tmp_path: Path
) -> None:
    with (
        front_of(sentry_project) as front,
        victim(dsn_of(sentry_project, free_port()), REFUSED_URL) as told,
        running(dsn_of(sentry_project, front.port), Path(told["state_dir"])),
    ):
        # The next process of that host finds the spool.
        wait_for(lambda: Spool(Path(told["state_dir"]) / "sentry").is_empty())
        deliver()
        assert_each_is_there_once(sentry_project, front, told["records"])
    redis_for(REFUSED_URL).close_breaker()
