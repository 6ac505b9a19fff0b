"""Startup check of every server process: refuse to start with wrong settings."""

from __future__ import annotations

from django.core import checks

__all__ = ["refuse_wrong_settings"]


def refuse_wrong_settings() -> None:
    """Run the service's system checks.

    Raises:
        SystemExit: At least one check failed; its message names each failure with id and hint.
    """
    errors = [message for message in checks.run_checks(tags=["enginel"]) if message.is_serious()]
    if errors:
        lines = [f"{error.id}: {error.msg} {error.hint or ''}".rstrip() for error in errors]
        # One problem is one line; several are a list.
        raise SystemExit("enginel cannot start: " + "\n  ".join(lines if len(lines) == 1 else ["", *lines]))
