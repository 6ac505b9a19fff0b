"""The Celery application. ``celery -A enginel worker``."""

from __future__ import annotations

import logging.config
import os

from celery import Celery
from celery.signals import beat_init, celeryd_init, setup_logging, worker_init
from django.conf import settings

from designs.logs import standard_error
from enginel.startup import refuse_wrong_settings
from integrations.celery.heartbeats import WorkerHeartbeat

__all__ = ["app"]

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "enginel.settings")
# Celery would run all of Django's checks, with database queries, and ignore the results; refuse_to_start does not.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")

app = Celery("enginel")
app.config_from_object("django.conf:settings", namespace="CELERY")
# Redis with or without TLS; Celery treats "redis+socket" as "redis".
app.loader.override_backends = dict.fromkeys(
    ("redis", "rediss"), "integrations.celery.result_backend:ResultsWithoutSecrets"
)
app.events_cls = "integrations.celery.result_backend:EventsWithoutSecrets"
app.autodiscover_tasks()
app.steps["worker"].add(WorkerHeartbeat)


@celeryd_init.connect(dispatch_uid="enginel.use_our_standard_error")
def use_our_standard_error(**kwargs: object) -> None:
    """Write a worker's standard error as JSON before Celery prints any warning."""
    standard_error.serve()


@setup_logging.connect(dispatch_uid="enginel.use_our_logging")
def use_our_logging(**kwargs: object) -> None:
    """Stop workers and beat from replacing our log format with their own, in logs and on standard error."""
    standard_error.serve()
    logging.config.dictConfig(settings.LOGGING)
    logging.captureWarnings(capture=True)


@worker_init.connect(dispatch_uid="enginel.refuse_to_start")
@beat_init.connect(dispatch_uid="enginel.refuse_to_start")
def refuse_to_start(**kwargs: object) -> None:
    """Stop a worker or beat on wrong settings."""
    refuse_wrong_settings()
