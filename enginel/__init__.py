"""Assembly of the Enginel service: settings, URLs, process entry points."""

from enginel.celery import app as celery_app

__all__ = ["celery_app"]
