"""What a Celery worker does when it starts: it takes our consumer and loads the CAD kernel."""

from __future__ import annotations

from typing import Any

from celery import signals

from designs.cad import start_kernel
from designs.monitoring import guarded

__all__ = ["connect"]

_CELERYS_CONSUMER = "celery.worker.consumer:Consumer"
_OUR_CONSUMER = "designs.worker.consumer:Consumer"


def connect() -> None:
    """Connect all receivers."""
    signals.celeryd_init.connect(use_our_consumer, dispatch_uid="enginel.use_our_consumer")
    signals.worker_process_init.connect(warm_kernel, dispatch_uid="enginel.warm_kernel")


def use_our_consumer(conf: Any = None, **kwargs: object) -> None:
    """Let workers tell of undecodable messages, unless the deployment has a consumer of its own."""
    with guarded("use_our_consumer"):
        if conf.worker_consumer == _CELERYS_CONSUMER:
            conf.worker_consumer = _OUR_CONSUMER


def warm_kernel(**kwargs: object) -> None:
    """Load the CAD kernel while nobody waits: its deadline for a file does not count the second it takes."""
    with guarded("warm_kernel"):
        start_kernel()
