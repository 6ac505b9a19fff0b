"""Refusal to migrate a database of an older version, in one line that names the remedy.

Its accounts are in ``auth_user``; Django cannot move them to the user model of this version. Without this check
``migrate`` does nothing, since the names of the migrations are the same, and the first login ends in a traceback.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections

__all__ = ["older_database_refusal", "refuse_older_database"]


def refuse_older_database(using: str, **kwargs: Any) -> None:
    """Refuse to migrate a database of an older version; receiver of ``pre_migrate``.

    Raises:
        CommandError: The database has tables of Enginel, but not the table of its user model.
    """
    if refusal := older_database_refusal(using):
        raise CommandError(refusal)


def older_database_refusal(using: str = DEFAULT_DB_ALIAS) -> str:
    """Return why a database of an older version cannot be used, and the remedy; empty for any other database."""
    connection = connections[using]
    try:
        tables = set(connection.introspection.table_names())
    except DatabaseError:
        # An unreachable database is another failure.
        return ""
    if "designs_design" not in tables or "designs_user" in tables:
        return ""
    remedy = "Name an empty database in DATABASE_URL."
    if connection.vendor == "sqlite":
        remedy = _remedy_for_file(Path(str(connection.settings_dict["NAME"])))
    return f"This database was made by an older version of Enginel and cannot be migrated. {remedy}"


def _remedy_for_file(path: Path) -> str:
    state_dir = Path(settings.ENGINEL_STATE_DIR)
    if path.is_relative_to(state_dir):
        return f"Remove the folder {state_dir}, or set ENGINEL_STATE_DIR to another one."
    return f"Remove the file {path}, or name another one in DATABASE_URL."
