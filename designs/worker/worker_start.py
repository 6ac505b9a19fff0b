"""Start of a Celery worker: select Enginel's consumer and load the CAD kernel."""

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
    """Select the consumer that reports undecodable messages, unless the deployment configures its own."""
    with guarded("use_our_consumer"):
        if conf.worker_consumer == _CELERYS_CONSUMER:
            conf.worker_consumer = _OUR_CONSUMER


def warm_kernel(**kwargs: object) -> None:
    """Load the CAD kernel before the first task: the second this takes must not count against a file's deadline."""
    with guarded("warm_kernel"):
        start_kernel()
