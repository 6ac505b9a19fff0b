"""The monitoring in the life of a process: its start, its forks and its end.

`designs.apps` installs it; nothing registers at import. A forked child starts with what `reset` leaves: nothing
recorded, measured or cached by the parent, which delivers its own, and locks that no thread of the parent holds. The
tests' fixture calls the same `reset`.
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
    """Connect the parts of the monitoring, and register `reset` for forks and `close` for exits. Once a process.

    Args:
        resets: What else a forked child resets.
    """
    global _is_installed  # noqa: PLW0603 - hooks of forks and exits cannot be removed
    if _is_installed:
        return
    _is_installed = True
    _resets.extend(resets)
    # gunicorn's parent imports this package for its logs, without installing it, and forks the workers: their tokens
    # would be the same, and Redis would take the commands of one for repetitions of the other's.
    reset()
    collaborators.configure(forward_occurrence, is_on, HealthChecker.components_down)
    os.register_at_fork(after_in_child=reset)
    atexit.register(close)
    # Pool processes of Celery end without the hooks of atexit.
    worker_process_shutdown.connect(close, weak=False, dispatch_uid="enginel.close")


def reset() -> None:
    """Forget everything of this process; in a forked child it belongs to the parent."""
    for one in _resets:
        one()


def close(**signal: object) -> None:
    """Deliver what this process still holds, taking about a second for each part at most."""
    for one in _closes:
        with guarded("close"):
            one()
