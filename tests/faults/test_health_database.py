"""Health while SQLite is locked or removed, and while PostgreSQL is stopped, frozen, full or read-only."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dj_database_url
import psycopg
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connections

from designs.monitoring.health import checker
from integrations.health import Database
from tests.support.debian_programs import needs
from tests.support.health_probes import DEADLINE_SECONDS, Probes, Usage, answered_in_time, endure, recovers, within
from tests.support.services import PostgreSQL, postgresql_server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

ALIAS = "probe"


@contextmanager
def database(config: dict[str, Any], monkeypatch: pytest.MonkeyPatch, blocker: Any) -> Iterator[Probes]:
    """A database of this test alone, with all tables, as the one that is checked."""
    config = {**config, "ATOMIC_REQUESTS": False}
    monkeypatch.setitem(connections.settings, ALIAS, connections.configure_settings({"default": config})["default"])
    monkeypatch.setitem(checker._plugins, "database", lambda: Database((ALIAS,)))
    with blocker.unblock():
        try:
            call_command("migrate", database=ALIAS, verbosity=0)
            connections[ALIAS].close()
            yield Probes("database")
        finally:
            checker.runner.wait(30)
            connections[ALIAS].close()
            del connections[ALIAS]


@pytest.fixture
def sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, django_db_blocker: Any) -> Iterator[tuple[Path, Probes]]:
    path = tmp_path / "db.sqlite3"
    options = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
    config = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(path), "OPTIONS": options}
    with database(config, monkeypatch, django_db_blocker) as probes:
        yield path, probes


@pytest.fixture
def postgres(monkeypatch: pytest.MonkeyPatch, django_db_blocker: Any) -> Iterator[tuple[PostgreSQL, Probes]]:
    needs("initdb", "postgresql")
    with postgresql_server("-c", "max_connections=12", "-c", "superuser_reserved_connections=2") as server:
        config = {**dj_database_url.parse(server.url, conn_max_age=60, conn_health_checks=True)}
        config["OPTIONS"] = {"connect_timeout": 5}
        with database(config, monkeypatch, django_db_blocker) as probes:
            yield server, probes


def test_the_projects_own_database_is_configured_alike() -> None:
    assert settings.DATABASES["default"]["OPTIONS"].get("timeout", 20) == 20


def test_a_write_lock_that_is_held_is_degraded(sqlite: tuple[Path, Probes]) -> None:
    path, probes = sqlite
    assert probes.is_healthy()
    before = Usage.now()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    assert answered_in_time(probes) == (200, "degraded", "locked: writes wait")
    endure(probes)

    def mend() -> None:
        other.execute("ROLLBACK")
        other.close()

    recovers(probes, mend)
    assert before.covers(Usage.now())


def test_a_lock_that_keeps_readers_out_is_unhealthy_at_the_deadline_and_holds_one_thread(
    sqlite: tuple[Path, Probes],
) -> None:
    path, probes = sqlite
    assert probes.is_healthy()
    before = Usage.now()
    other = sqlite3.connect(path, isolation_level=None)
    # An exclusive lock of a database without WAL, or one that is being copied, keeps everybody out.
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("PRAGMA journal_mode = DELETE")
    other.execute("BEGIN EXCLUSIVE")

    assert answered_in_time(probes) == (503, "unhealthy", "did not answer in time")
    endure(probes)
    assert checker.runner.running().count("enginel-health-database") == 1

    def mend() -> None:
        other.execute("ROLLBACK")
        other.close()

    recovers(probes, mend)
    assert before.covers(Usage.now())


def test_a_database_file_that_is_gone_is_unhealthy_and_not_made_anew(sqlite: tuple[Path, Probes]) -> None:
    path, probes = sqlite
    assert probes.is_healthy()
    before = Usage.now()
    path.rename(path.with_suffix(".gone"))

    assert answered_in_time(probes) == (503, "unhealthy", "the database file is gone")
    endure(probes)
    assert not path.exists()

    recovers(probes, lambda: path.with_suffix(".gone").rename(path))
    assert before.covers(Usage.now())


def test_a_server_that_is_stopped_and_started_again(postgres: tuple[PostgreSQL, Probes]) -> None:
    server, probes = postgres
    assert probes.is_healthy()
    before = Usage.now()
    server.stop()

    assert answered_in_time(probes) == (503, "unhealthy", "does not answer")
    endure(probes)

    server.start()
    recovers(probes, lambda: None)
    assert before.covers(Usage.now())


def test_a_server_that_is_frozen(postgres: tuple[PostgreSQL, Probes]) -> None:
    server, probes = postgres
    assert probes.is_healthy()
    before = Usage.now()
    assert server.process is not None
    os.kill(server.process.pid, signal.SIGSTOP)

    try:
        assert answered_in_time(probes) == (503, "unhealthy", "did not answer in time")
        endure(probes)
        assert checker.runner.running().count("enginel-health-database") == 1
    finally:
        os.kill(server.process.pid, signal.SIGCONT)

    recovers(probes, lambda: None)
    assert before.covers(Usage.now())


def take_all(url: str, held: list[Any]) -> None:
    for _ in range(50):
        held.append(psycopg.connect(url))  # noqa: PERF401 - those before the failure are kept


def test_a_server_whose_connections_are_all_used(postgres: tuple[PostgreSQL, Probes]) -> None:
    server, probes = postgres
    assert probes.is_healthy()
    before = Usage.now()
    held: list[Any] = []
    try:
        with pytest.raises(psycopg.OperationalError):
            take_all(server.url, held)
        assert answered_in_time(probes) == (503, "unhealthy", "does not answer")
        endure(probes)
    finally:
        for connection in held:
            connection.close()

    recovers(probes, lambda: None)
    assert before.covers(Usage.now())
    with psycopg.connect(server.url) as connection:
        [count] = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
        ).fetchone()  # type: ignore[misc]
    assert count <= 2


def test_a_server_that_takes_no_writes(postgres: tuple[PostgreSQL, Probes]) -> None:
    server, probes = postgres
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("ALTER DATABASE enginel SET default_transaction_read_only = on")
        assert answered_in_time(probes) == (503, "unhealthy", "refuses writes")

        def mend() -> None:
            connection.execute("SET default_transaction_read_only = off")
            connection.execute("ALTER DATABASE enginel RESET default_transaction_read_only")

        recovers(probes, mend)


def test_twenty_probes_of_a_hung_database_are_all_answered_at_the_deadline(sqlite: tuple[Path, Probes]) -> None:
    path, _ = sqlite
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("PRAGMA journal_mode = DELETE")
    other.execute("BEGIN EXCLUSIVE")
    answers: list[tuple[int, str, str]] = []
    askers = [threading.Thread(target=lambda: answers.append(Probes("database").ask())) for _ in range(20)]
    try:
        with within(DEADLINE_SECONDS + 0.3):
            for asker in askers:
                asker.start()
            for asker in askers:
                asker.join()
        assert set(answers) == {(503, "unhealthy", "did not answer in time")}
        assert len(answers) == 20
    finally:
        other.close()
