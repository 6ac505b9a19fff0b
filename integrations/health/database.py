"""Health check of the databases: they answer, accept writes, and have the tables that this code expects."""

from __future__ import annotations

import dataclasses
from functools import lru_cache
from pathlib import Path

from django.db import Error as DatabaseError
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from health_check.exceptions import ServiceUnavailable, ServiceWarning

from integrations.health.plugin import Plugin

__all__ = ["Database"]

_LOCK_WAIT_MS = 1_000
"""A write lock held longer delays requests noticeably; shorter ones are normal with SQLite."""


@dataclasses.dataclass
class Database(Plugin):
    """Checks that every database answers a query and accepts writes.

    Runs on its thread's own connection, so it also detects when the server accepts no further connections.

    Args:
        aliases: Django's names of the databases; all when empty.
        write: Whether to take SQLite's write lock too. Tests may hold it in an open transaction.
    """

    aliases: tuple[str, ...] = ()
    write: bool = True

    message: str = dataclasses.field(default="Database connection OK", init=False, repr=False)

    def run(self) -> None:
        """Raise `ServiceUnavailable` if a database fails, `ServiceWarning` for pending migrations and locks."""
        warnings = []
        for alias in self.aliases or tuple(connections):
            warnings += self._check(connections[alias])
        if warnings:
            raise ServiceWarning(warnings[0])

    def _check(self, connection: BaseDatabaseWrapper) -> list[str]:
        if connection.vendor == "sqlite" and _is_gone(str(connection.settings_dict["NAME"])):
            # Connecting would create a new, empty file.
            raise ServiceUnavailable("the database file is gone")
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
                cursor.fetchone()
            warnings = self._writes_wait(connection) if connection.vendor == "sqlite" else []
            if connection.vendor == "postgresql":
                _refuse_read_only(connection)
            return warnings + _pending(connection)
        except DatabaseError as error:
            raise ServiceUnavailable("does not answer") from error

    def _writes_wait(self, connection: BaseDatabaseWrapper) -> list[str]:
        # Only tests use a database in memory, and only their own transaction can hold its lock.
        if not self.write or connection.in_atomic_block or _is_in_memory(connection):
            return []
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA busy_timeout = {_LOCK_WAIT_MS:d}")
            try:
                cursor.execute("BEGIN IMMEDIATE")
            except DatabaseError as error:
                if "locked" not in str(error):
                    raise
                return ["locked: writes wait"]
            cursor.execute("ROLLBACK")
        return []


def _is_in_memory(connection: BaseDatabaseWrapper) -> bool:
    name = str(connection.settings_dict["NAME"])
    return ":memory:" in name or "mode=memory" in name


def _is_gone(name: str) -> bool:
    return not (name.startswith("file:") or ":memory:" in name or Path(name).exists())


def _refuse_read_only(connection: BaseDatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SHOW transaction_read_only")
        row = cursor.fetchone()
    if row and row[0] == "on":
        raise ServiceUnavailable("refuses writes")


def _pending(connection: BaseDatabaseWrapper) -> list[str]:
    applied = set(MigrationRecorder(connection).applied_migrations())
    if not applied:
        if connection.alias == "default":
            raise ServiceUnavailable("has no tables: run the migrations")
        return []
    pending = [name for name, replaces in _on_disk() if name not in applied and not (replaces and replaces <= applied)]
    return [f"{len(pending)} migrations are pending"] if pending else []


@lru_cache(maxsize=1)
def _on_disk() -> tuple[tuple[tuple[str, str], frozenset[tuple[str, str]]], ...]:
    """Return the code's migrations with those each replaces; cached, since a process does not change its code."""
    loader = MigrationLoader(None)
    nodes = {name: node for name, node in loader.graph.nodes.items() if node is not None}
    return tuple((name, frozenset(map(tuple, node.replaces))) for name, node in nodes.items())
