"""Process lifecycle of the monitoring: start, fork and exit.

`designs.apps` calls `install`; nothing registers at import. `reset` runs in each forked child: it discards the records,
measurements and caches of the parent, which delivers them itself, and replaces locks that a thread of the parent may
hold. The test fixture calls the same `reset`.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Iterable

from celery.signals import worker_process_shutdown

from designs import context
from designs.monitoring import guard
from designs.monitoring.errors import collaborators
from designs.monitoring.errors.known_groups import known_groups
from designs.monitoring.errors.store import error_store
from designs.monitoring.exposition import scrape
from designs.monitoring.fingerprint import override
from designs.monitoring.guard import guarded
from designs.monitoring.health import HealthChecker, checker
from designs.monitoring.metrics.flusher import flusher, registry
from designs.monitoring.metrics.runs import runs
from designs.monitoring.sentry.forwarding import forward_occurrence
from integrations.redis import client
from integrations.sentry import is_on
from integrations.sentry.outbox import writer
from integrations.sentry.outbox.lost_events import losses

__all__ = ["close", "install", "reset"]

_resets: list[Callable[[], None]] = [
    context.request_ids.reset,
    client.reset,
    guard.reset,
    losses.reset,
    writer.reset,
    runs.reset,
    registry.reset,
    flusher.reset,
    override.reset,
    error_store.reset,
    known_groups.reset,
    checker.history.reset,
    checker.runner.reset,
    scrape.reset,
]
# Measurements first: closing the error store may take a second.
_closes: list[Callable[[], None]] = [flusher.close, error_store.close]
_is_installed = False


def install(*, resets: Iterable[Callable[[], None]] = ()) -> None:
    """Connect the parts of the monitoring, and register `reset` for forks and `close` for exits; once per process.

    Args:
        resets: Further functions to call in a forked child.
    """
    global _is_installed  # noqa: PLW0603 - fork and exit hooks cannot be removed
    if _is_installed:
        return
    _is_installed = True
    _resets.extend(resets)
    # The gunicorn parent imports this package for its logs, without `install`, and forks the workers. Without a reset
    # their tokens would be equal, and Redis would treat commands of one worker as repetitions of another's.
    reset()
    collaborators.configure(forward_occurrence, is_on, HealthChecker.components_down)
    os.register_at_fork(after_in_child=reset)
    atexit.register(close)
    # Celery pool processes exit without calling atexit hooks.
    worker_process_shutdown.connect(close, weak=False, dispatch_uid="enginel.close")


def reset() -> None:
    """Discard all state of this process; in a forked child it belongs to the parent."""
    for one in _resets:
        one()


def close(**signal: object) -> None:
    """Deliver pending measurements and records; takes about a second per part at most."""
    for one in _closes:
        with guarded("close"):
            one()
