"""A database that a checkout with Django's own user model made is refused in one line that says what to do."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from enginel.local.stack import free_port
from tests.support.debian_programs import needs
from tests.support.services import postgresql_server

ROOT = Path(__file__).resolve().parents[2]
# The tables of the older checkout have the names of today's but for this one, and the same rows in django_migrations.
AS_OLDER = "ALTER TABLE designs_user RENAME TO auth_user"
REFUSAL = "This database was made by an older version of Enginel and cannot be migrated."


def env_of(state_dir: Path) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("ENGINEL_", "DJANGO_"))}
    return {
        **inherited,
        "REDIS_URL": "redis://127.0.0.1:1",
        "DATABASE_URL": "",
        "ENGINEL_ENVIRONMENT": "development",
        "ENGINEL_STATE_DIR": str(state_dir),
        "ENGINEL_PORT": str(free_port()),
        "ENGINEL_VALKEY_PORT": str(free_port()),
    }


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return env_of(tmp_path / "state")


def run(env: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=60
    )


def migrate(env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return run(env, "manage.py", "migrate", "--no-input")


@contextmanager
def sqlite(path: Path) -> Iterator[Any]:
    with closing(sqlite3.connect(path)) as connection, connection:
        yield connection


@pytest.fixture(scope="module")
def older_state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    state_dir = tmp_path_factory.mktemp("older")
    assert migrate(env_of(state_dir)).returncode == 0
    with sqlite(state_dir / "db.sqlite3") as connection:
        connection.execute(AS_OLDER)
    return state_dir


@pytest.fixture
def older(env: dict[str, str], older_state: Path) -> dict[str, str]:
    shutil.copytree(older_state, env["ENGINEL_STATE_DIR"])
    return env


def test_migrate_refuses_the_state_folder_of_an_older_checkout(older: dict[str, str], tmp_path: Path) -> None:
    done = migrate(older)

    assert done.returncode == 1
    remedy = f"Remove the folder {tmp_path / 'state'}, or set ENGINEL_STATE_DIR to another one."
    assert done.stderr.splitlines() == [f"CommandError: {REFUSAL} {remedy}"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        ["create_admin_token"],
        ["changepassword", "admin"],
        ["createsuperuser", "--no-input", "--username=a", "--email=a@example.com"],
    ],
)
def test_a_command_refuses_the_database_of_an_older_checkout(
    older: dict[str, str], tmp_path: Path, command: list[str]
) -> None:
    done = run(older, "manage.py", *command)

    assert done.returncode == 1
    remedy = f"Remove the folder {tmp_path / 'state'}, or set ENGINEL_STATE_DIR to another one."
    assert done.stderr.splitlines() == [f"manage.py: {REFUSAL} {remedy}"]


def test_another_failure_of_the_database_is_no_older_checkout(env: dict[str, str]) -> None:
    done = run(env, "manage.py", "create_admin_token")

    assert (done.returncode, REFUSAL in done.stderr) == (1, False)
    assert "no such table: designs_user" in done.stderr


def test_a_run_refuses_the_state_folder_of_an_older_checkout(older: dict[str, str], tmp_path: Path) -> None:
    done = run({**older, "REDIS_URL": ""}, "-m", "enginel", "run", "--no-sample")

    assert done.returncode == 1
    remedy = f"Remove the folder {tmp_path / 'state'}, or set ENGINEL_STATE_DIR to another one."
    assert done.stderr.splitlines() == [f"enginel: {REFUSAL} {remedy}"]


@pytest.mark.slow
def test_another_file_of_an_older_checkout_is_named(older: dict[str, str], tmp_path: Path) -> None:
    moved = (tmp_path / "state" / "db.sqlite3").rename(tmp_path / "old.sqlite3")

    done = migrate({**older, "DATABASE_URL": f"sqlite:///{moved}"})

    assert (done.returncode, f"Remove the file {moved}" in done.stderr) == (1, True)


def test_migrate_refuses_a_postgresql_database_of_an_older_checkout(env: dict[str, str]) -> None:
    needs("initdb", "postgresql")
    psycopg = pytest.importorskip("psycopg")
    with postgresql_server() as server:
        env = {**env, "DATABASE_URL": server.url}
        first = migrate(env)
        assert first.returncode == 0, first.stderr
        with psycopg.connect(server.url) as connection:
            connection.execute(AS_OLDER)

        done = migrate(env)

    assert done.returncode == 1
    assert done.stderr.splitlines() == [f"CommandError: {REFUSAL} Name an empty database in DATABASE_URL."]


@pytest.mark.slow
def test_a_second_migrate_of_a_database_of_today_is_fine(env: dict[str, str]) -> None:
    assert [migrate(env).returncode, migrate(env).returncode] == [0, 0]
