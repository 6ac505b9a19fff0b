"""The database of a local run: its tables, and an admin with a token. Needs Django to be set up."""

from __future__ import annotations

import io

from django.core.management import CommandError, call_command
from django.db import DatabaseError, connections

from enginel.local.processes import LocalError

__all__ = ["admin_token", "migrate"]

_TOKEN_HOURS = 24


def migrate() -> None:
    """Bring the tables up to date.

    Raises:
        LocalError: The database does not answer or refuses, or an older version made it.
    """
    try:
        call_command("migrate", interactive=False, verbosity=0)
    except DatabaseError as error:
        raise LocalError(f"The database cannot be set up: {' '.join(str(error).split())[:300]}") from error
    except CommandError as error:
        raise LocalError(str(error)) from error
    finally:
        connections.close_all()


def admin_token() -> str:
    """Return a new Bearer token of the local admin, valid for a day."""
    out = io.StringIO()
    call_command("create_admin_token", hours=_TOKEN_HOURS, stdout=out, stderr=io.StringIO())
    connections.close_all()
    return out.getvalue().strip()
