"""The database of a local run: its tables, and an admin with a password and a token. Needs Django to be set up."""

from __future__ import annotations

import io
import secrets
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connections

from enginel.local.private import write_private
from enginel.local.processes import LocalError

__all__ = ["Access", "admin_access", "migrate"]

_TOKEN_HOURS = 24
_ADMIN = "admin"


@dataclass(frozen=True)
class Access:
    """Credentials for a local run.

    Attributes:
        username: The local admin.
        password: The admin's password if this module created it, else empty.
        token: A Bearer token, valid for a day.
    """

    username: str
    password: str
    token: str


def migrate() -> None:
    """Bring the tables up to date.

    Raises:
        LocalError: The database does not answer, refuses, or was created by an older version.
    """
    try:
        call_command("migrate", interactive=False, verbosity=0)
    except DatabaseError as error:
        raise LocalError(f"The database cannot be set up: {' '.join(str(error).split())[:300]}") from error
    except CommandError as error:
        raise LocalError(str(error)) from error
    finally:
        connections.close_all()


def admin_access(state_dir: Path) -> Access:
    """Return the local admin's password and a new token.

    Raises:
        LocalError: The account has no admin rights.
    """
    out = io.StringIO()
    try:
        # In this order: a new password ends all tokens of the account.
        password = _password(state_dir / "admin_password") if settings.ENGINEL_ENVIRONMENT != "production" else ""
        call_command("create_admin_token", username=_ADMIN, hours=_TOKEN_HOURS, stdout=out, stderr=io.StringIO())
    except CommandError as error:
        raise LocalError(str(error)) from error
    finally:
        connections.close_all()
    return Access(_ADMIN, password, out.getvalue().strip())


def _password(path: Path) -> str:
    """Return the password in the file, created for an account without one; empty if a user has set another."""
    kept = path.read_text().strip() if path.exists() else ""
    users = get_user_model().objects
    admin = users.filter(username=_ADMIN).first()
    if admin is not None and admin.has_usable_password():
        return kept if kept and admin.check_password(kept) else ""
    password = kept or secrets.token_urlsafe(12)
    write_private(path, f"{password}\n")
    if admin is None:
        users.create_superuser(_ADMIN, password=password)
    else:
        admin.set_password(password)
        admin.save(update_fields=["password"])
    return password
