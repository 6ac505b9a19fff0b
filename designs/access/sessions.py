"""Sessions in the database, named by cookies that may hold anything.

The module is the ``SESSION_ENGINE``: Django looks for `SessionStore` in it.
"""

from __future__ import annotations

from django.contrib.sessions.backends.db import SessionStore as DatabaseSessionStore

__all__ = ["SessionStore"]


class SessionStore(DatabaseSessionStore):
    """Ignores keys that Django never makes: PostgreSQL raises on a NUL, which cookies may spell in octal."""

    def __init__(self, session_key: str | None = None) -> None:
        usable = session_key is not None and session_key.isascii() and session_key.isalnum()
        super().__init__(session_key if usable else None)
