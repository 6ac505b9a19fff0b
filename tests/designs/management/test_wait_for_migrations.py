"""``manage.py wait_for_migrations``: waits for tables, and says by its exit code whether they are there."""

from __future__ import annotations

import os
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from enginel.local.stack import free_port
from tests.support.outage import REFUSED_URL

MANAGE = Path(__file__).resolve().parents[3] / "manage.py"
LAST = ("sessions", "0001_initial")


@pytest.mark.django_db
def test_with_all_migrations_it_ends_at_once() -> None:
    out = StringIO()

    call_command("wait_for_migrations", seconds=0, stdout=out)

    assert out.getvalue() == "The database has all migrations.\n"


class Migrating(StringIO):
    """An output that applies a migration as soon as the command says that one is missing."""

    def write(self, text: str) -> int:
        if "Missing" in text:
            MigrationRecorder(connection).record_applied(*LAST)
        return super().write(text)


@pytest.mark.django_db
def test_it_waits_until_another_process_has_migrated() -> None:
    MigrationRecorder(connection).record_unapplied(*LAST)
    out = Migrating()

    call_command("wait_for_migrations", seconds=60, stdout=out)

    assert out.getvalue().splitlines() == ["Missing migrations: 1.", "The database has all migrations."]


@pytest.mark.django_db
def test_when_the_time_is_over_the_exit_code_is_1() -> None:
    MigrationRecorder(connection).record_unapplied(*LAST)

    with pytest.raises(SystemExit, match="1"):
        call_command("wait_for_migrations", seconds=0)


@pytest.mark.slow
def test_a_database_that_does_not_answer_is_waited_for_and_then_an_error(tmp_path: Path) -> None:
    command = [sys.executable, MANAGE, "wait_for_migrations", "--seconds", "0"]
    env = os.environ | {
        "ENGINEL_ENVIRONMENT": "test",
        "ENGINEL_STATE_DIR": str(tmp_path),
        "DATABASE_URL": f"postgresql://enginel:hidden-word@127.0.0.1:{free_port()}/enginel",
        "REDIS_URL": REFUSED_URL,
    }

    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (1, "The database does not answer.\n")
    assert "hidden-word" not in done.stderr
