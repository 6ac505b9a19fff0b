"""Session store in the database that tolerates malformed session cookies.

This module is the ``SESSION_ENGINE``: Django imports `SessionStore` from it.
"""

from __future__ import annotations

from django.contrib.sessions.backends.db import SessionStore as DatabaseSessionStore

__all__ = ["SessionStore"]


class SessionStore(DatabaseSessionStore):
    """Ignores session keys that Django never creates. A cookie may contain a NUL in octal; PostgreSQL raises on it."""

    def __init__(self, session_key: str | None = None) -> None:
        usable = session_key is not None and session_key.isascii() and session_key.isalnum()
        super().__init__(session_key if usable else None)
