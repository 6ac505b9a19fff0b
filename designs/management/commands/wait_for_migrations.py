"""``manage.py wait_for_migrations``: wait, in an init container, until the database has all migrations."""

from __future__ import annotations

import sys
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.db.migrations.executor import MigrationExecutor

_POLL_SECONDS = 1.0


class Command(BaseCommand):
    help = "Wait until the database has all migrations of this release; exit with 1 when the time is over."

    # The others load URLs, models and the admin, which takes longer than the command itself.
    requires_system_checks = ["enginel"]

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--seconds", type=float, default=300, help="how long to wait (default: %(default)s)")
        parser.add_argument("--database", choices=tuple(connections), default=DEFAULT_DB_ALIAS)

    def handle(self, *args: Any, seconds: float, database: str, **options: Any) -> None:
        deadline = time.monotonic() + seconds
        last_printed = ""
        while missing := _missing(database):
            if missing != last_printed:
                self.stdout.write(missing)
                self.stdout.flush()
                last_printed = missing
            if time.monotonic() >= deadline:
                self.stderr.write(f"Waited for {seconds:g} s.")
                sys.exit(1)
            time.sleep(_POLL_SECONDS)
        self.stdout.write("The database has all migrations.")


def _missing(database: str) -> str:
    """Return the reason why this release cannot start yet; empty if the database is ready."""
    connection = connections[database]
    try:
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        # Closed, so that the next attempt opens a new connection.
        connection.close()
        return "The database does not answer."
    return f"Missing migrations: {len(plan)}." if plan else ""
