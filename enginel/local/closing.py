"""Final output of a run: URLs, login, and commands for a second terminal."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from enginel.local.database import Access
from enginel.local.stack import BASE_DIR, LocalStack

__all__ = ["closing"]


def closing(stack: LocalStack, access: Access) -> Iterator[str]:
    """Yield the closing lines: at most 24 of them, of at most 80 columns if the state folder's path is short."""
    for name, what in _places(stack, access):
        yield f"  {name:<10} {what}"
    yield ""
    yield "In a second terminal, in this folder:"
    if stack.state_dir != BASE_DIR / "var":
        yield f"  export ENGINEL_STATE_DIR={shlex.quote(str(stack.state_dir))}"
    yield "  .venv/bin/python manage.py errors top"
    yield f"  TOKEN={access.token}"
    yield '  curl -H "Authorization: Bearer $TOKEN" \\'
    yield f"    {stack.url}/api/monitoring/errors/"


def _places(stack: LocalStack, access: Access) -> Iterator[tuple[str, str]]:
    yield "Start", f"{stack.url}/"
    yield "Dashboard", f"{stack.url}/admin/monitoring/"
    yield "Admin", f"{stack.url}/admin/"
    yield "Status", f"{stack.url}/api/health/detailed/"
    yield "API", f"{stack.url}/api/docs/"
    yield "Metrics", f"{stack.url}/metrics"
    yield "Logs", str(stack.logs_dir)
    if stack.valkey is not None:
        yield "Valkey", f"127.0.0.1:{stack.ports.valkey}"
    if stack.sentry is not None:
        yield "Sentry", f"{stack.sentry.url}/  ({stack.sentry.login})"
        yield "DSN", stack.sentry.dsn
    yield "Login", f"{access.username} / {access.password or 'the password you set'}"
